"""Settings of MediaConvert and of where renditions are kept (config/settings.py takes them all over).

Access keys are botocore's to find, as for S3. `ENGINES` decides whether MediaConvert is used at all: `mediaconvert:eu-west-1,local`.
"""

from __future__ import annotations

import re

from config import env

STATUS_INTERVALS = (10, 12, 15, 20, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600)  # seconds, MediaConvert's StatusUpdateInterval
_REGION = r"[a-z]{2}(-[a-z]+)+-\d"


def _regions(engines: list[str]) -> list[str]:
    """Return the regions of the chain's MediaConvert engines, in its order."""
    names = [name.partition(":") for name in engines if name.split(":")[0] == "mediaconvert"]
    for kind, _, region in names:
        if not re.fullmatch(_REGION, region):
            raise env.SettingError("ENGINES", f"{kind}:{region}".rstrip(":"), "names no region", "mediaconvert:eu-west-1,local")
    return [region for _, _, region in names]


def _by_region(name: str, shape: str, reason: str, example: str) -> dict[str, str]:
    """Return what `region=value,region=value` says of each region."""
    found = env.mapping(name, example)
    for region, value in found.items():
        if not re.fullmatch(_REGION, region):
            raise env.SettingError(name, region, "is not the name of a region", example)
        if not re.fullmatch(shape, value):
            raise env.SettingError(name, value, reason, example)
    return found


def _status_seconds() -> int:
    seconds = env.integer("MEDIACONVERT_STATUS_SECONDS", 15)
    if seconds not in STATUS_INTERVALS:
        raise env.SettingError("MEDIACONVERT_STATUS_SECONDS", str(seconds), f"is none of {', '.join(map(str, STATUS_INTERVALS))}", "15")
    return seconds


def _queues(name: str, example: str) -> list[str]:
    """Return the addresses of queues, one for each region that has its own, in the chain's order."""
    found = env.listing(name)
    for address in found:
        if not re.fullmatch(r"https?://[^/\s]+/\d{12}/[A-Za-z0-9_-]{1,80}", address):
            raise env.SettingError(name, address, "is not the address of an SQS queue", example)
    return found


MEDIACONVERT_REGIONS = _regions(env.listing("ENGINES"))
MEDIACONVERT_ENDPOINT_URL = env.url("MEDIACONVERT_ENDPOINT_URL", schemes=("http", "https"))
MEDIACONVERT_ROLE_ARN = env.text("MEDIACONVERT_ROLE_ARN")
MEDIACONVERT_QUEUES = _by_region(
    "MEDIACONVERT_QUEUES", r"arn:\S+:mediaconvert:\S+:queues/\S+", "is not the ARN of a MediaConvert queue",
    "eu-west-1=arn:aws:mediaconvert:eu-west-1:111122223333:queues/Default",
)  # fmt: skip
MEDIACONVERT_SOURCE_BUCKETS = _by_region(
    "MEDIACONVERT_SOURCE_BUCKETS", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "is not the name of a bucket", "eu-central-1=holdfast-uploads-replica"
)
MEDIACONVERT_ACCELERATION = env.choice("MEDIACONVERT_ACCELERATION", "preferred", ("preferred", "disabled"))
MEDIACONVERT_STATUS_SECONDS = _status_seconds()

# What EventBridge puts news of jobs into; the consumer reads all of them.
MEDIACONVERT_EVENTS_QUEUE_URLS = _queues("MEDIACONVERT_EVENTS_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/holdfast-events")
MEDIACONVERT_EVENTS_DLQ_URLS = _queues("MEDIACONVERT_EVENTS_DLQ_URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/holdfast-events-dead")
EVENT_KEEP_DAYS = env.integer("EVENT_KEEP_DAYS", 14, minimum=1, maximum=3650)

# Renditions: on this host's disk, or in S3.
RENDITION_STORE = env.choice("RENDITION_STORE", "disk", ("disk", "s3"))
RENDITION_BUCKET = env.text("RENDITION_BUCKET")
RENDITION_PREFIX = env.text("RENDITION_PREFIX", "renditions/").lstrip("/")

if RENDITION_STORE == "s3" and not RENDITION_BUCKET:
    raise env.SettingError("RENDITION_BUCKET", "", "is missing while RENDITION_STORE=s3", "holdfast-renditions")
if RENDITION_PREFIX and not RENDITION_PREFIX.endswith("/"):
    raise env.SettingError("RENDITION_PREFIX", RENDITION_PREFIX, "does not end with /", "renditions/")
if MEDIACONVERT_EVENTS_DLQ_URLS and len(MEDIACONVERT_EVENTS_DLQ_URLS) != len(MEDIACONVERT_EVENTS_QUEUE_URLS):
    reason = "names more or fewer queues than MEDIACONVERT_EVENTS_QUEUE_URL"
    raise env.SettingError("MEDIACONVERT_EVENTS_DLQ_URL", ",".join(MEDIACONVERT_EVENTS_DLQ_URLS), reason, "one for each, in the same order")
if MEDIACONVERT_REGIONS:
    if not re.fullmatch(r"arn:[a-z-]+:iam::\d{12}:role/\S+", MEDIACONVERT_ROLE_ARN):
        reason = "is not the ARN of a role, and ENGINES names MediaConvert"
        raise env.SettingError("MEDIACONVERT_ROLE_ARN", MEDIACONVERT_ROLE_ARN, reason, "arn:aws:iam::111122223333:role/holdfast-mediaconvert")
    for name, value in (("UPLOAD_STORE", env.text("UPLOAD_STORE", "disk")), ("RENDITION_STORE", RENDITION_STORE)):
        if value != "s3":
            raise env.SettingError(name, value, "is not s3, and ENGINES names MediaConvert, which reads from S3 and writes to S3", "s3")
