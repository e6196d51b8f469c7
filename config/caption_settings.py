"""Captions, written by a service elsewhere (config/settings.py takes them over): off unless set.

Access keys of Amazon Transcribe are botocore's to find, as for S3.
"""

from __future__ import annotations

from config import env
from config.aws_settings import RENDITION_STORE

CAPTIONS = env.choice("CAPTIONS", "off", ("off", "transcribe", "openai"))
CAPTIONS_LANGUAGE = env.text("CAPTIONS_LANGUAGE")
CAPTIONS_URL = env.url("CAPTIONS_URL", schemes=("http", "https"))
CAPTIONS_API_KEY = env.text("CAPTIONS_API_KEY")
CAPTIONS_MODEL = env.text("CAPTIONS_MODEL", "whisper-1")
CAPTIONS_SECONDS = env.number("CAPTIONS_SECONDS", 300.0, minimum=1.0, maximum=3000.0)

if CAPTIONS == "openai" and not CAPTIONS_URL:
    raise env.SettingError("CAPTIONS_URL", "", "is missing while CAPTIONS=openai", "https://api.openai.com/v1")
if CAPTIONS == "transcribe" and RENDITION_STORE != "s3":
    reason = "is not s3 while CAPTIONS=transcribe: Amazon Transcribe reads from S3 and writes to S3"
    raise env.SettingError("RENDITION_STORE", RENDITION_STORE, reason, "s3")
