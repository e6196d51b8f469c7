from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.emulator import RENDITIONS, ROLE, FakeMediaConvert
from tests.s3 import KEYS

from .rows import ENGINE

STILL = ({"fault": "stuck", "phase": "SUBMITTED"}, {"fault": "event_lost"})


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """An account of nobody's, and no waiting between the tries of a call."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings.MEDIACONVERT_ROLE_ARN = "arn:aws:iam::111122223333:role/holdfast-mediaconvert"
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None, time=time.time))


@pytest.fixture
def _settings(settings: Any, emulator_server: FakeMediaConvert) -> None:
    """The emulator as the only engine; uploads and renditions lie beside it in S3."""
    settings.UPLOAD_STORE, settings.S3_BUCKET, settings.S3_PREFIX = "s3", emulator_server.s3.bucket, "uploads/"
    settings.S3_ENDPOINT_URL, settings.S3_REGION = emulator_server.s3.url, "us-east-1"
    settings.RENDITION_STORE, settings.RENDITION_BUCKET, settings.RENDITION_PREFIX = "s3", RENDITIONS, "renditions/"
    entry = {"BACKEND": "processing.storage_s3.RenditionStorage", "OPTIONS": {"bucket_name": RENDITIONS, "location": "renditions"}}
    settings.STORAGES = settings.STORAGES | {"default": entry}
    settings.ENGINES, settings.MEDIACONVERT_REGIONS, settings.MEDIACONVERT_ROLE_ARN = [ENGINE], ["eu-west-1"], ROLE
    settings.MEDIACONVERT_ENDPOINT_URL = emulator_server.url


@pytest.fixture
def mediaconvert(emulator: FakeMediaConvert, _settings: None) -> FakeMediaConvert:
    return emulator


@pytest.fixture
def still(emulator_server: FakeMediaConvert, _settings: None) -> Iterator[FakeMediaConvert]:
    """The emulator with nothing behind it: whatever it is given stays in its queue, so it reads nothing and writes nothing."""
    emulator_server.reset()
    emulator_server.faults(*STILL)
    yield emulator_server
    emulator_server.reset()
