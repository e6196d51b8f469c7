"""Where uploads are kept: on this host's disk, or in S3 (any number of web servers, nothing of theirs needed to go on elsewhere).

Access keys are botocore's to find: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of the machine.
"""

from __future__ import annotations

from config import env

UPLOAD_STORE = env.choice("UPLOAD_STORE", "disk", ("disk", "s3"))
S3_BUCKET = env.text("S3_BUCKET")
S3_PREFIX = env.text("S3_PREFIX", "uploads/")
S3_ENDPOINT_URL = env.url("S3_ENDPOINT_URL", schemes=("http", "https"))
S3_REGION = env.text("S3_REGION", "us-east-1")
S3_PART_SIZE = env.size("S3_PART_SIZE", 8 * 2**20)
S3_CALL_SECONDS = env.number("S3_CALL_SECONDS", 60.0, minimum=1.0, maximum=600.0)

if UPLOAD_STORE == "s3" and not S3_BUCKET:
    raise env.SettingError("S3_BUCKET", "", "is missing while UPLOAD_STORE=s3", "holdfast-uploads")
if not 5 * 2**20 <= S3_PART_SIZE <= 5 * 2**30:
    raise env.SettingError("S3_PART_SIZE", str(S3_PART_SIZE), "is not from 5 MiB to 5 GiB, which is what S3 takes", "8MiB")
