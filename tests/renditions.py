"""Renditions kept in a bucket of tests' own S3, beside the bucket of uploads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.s3 import KEYS, FakeS3

BUCKET = "holdfast-renditions"
PREFIX = "renditions/"
ENVIRONMENT = {"RENDITION_STORE": "s3", "RENDITION_BUCKET": BUCKET, "RENDITION_PREFIX": PREFIX}


def use(fake: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    """Keep this process's renditions there, in an empty bucket."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    fake.empty()
    fake.client.create_bucket(Bucket=BUCKET)
    settings.S3_ENDPOINT_URL, settings.S3_REGION = fake.url, "us-east-1"
    settings.RENDITION_STORE, settings.RENDITION_BUCKET, settings.RENDITION_PREFIX = "s3", BUCKET, PREFIX
    entry = {"BACKEND": "processing.storage_s3.RenditionStorage", "OPTIONS": {"bucket_name": BUCKET, "location": PREFIX.rstrip("/")}}
    settings.STORAGES = settings.STORAGES | {"default": entry}
    return replace(fake, bucket=BUCKET)


@pytest.fixture
def renditions_in_s3(s3_server: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    return use(s3_server, settings, monkeypatch)
