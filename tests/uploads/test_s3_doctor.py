"""`manage.py doctor` sends a small file through everything an upload asks of the bucket."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.doctor import State
from tests.s3 import FakeS3
from uploads.checks import bucket
from uploads.store.s3 import client

pytestmark = pytest.mark.django_db


def test_a_good_bucket(s3: FakeS3) -> None:
    found = bucket()
    assert (found.state, "sums of the bytes" in found.said) == (State.OK, True)
    assert (s3.objects(), s3.multiparts()) == ({}, []), "nothing is left of it"


def test_on_disk_there_is_no_bucket(settings: Any) -> None:
    settings.UPLOAD_STORE = "disk"
    assert bucket().state is State.OK


@pytest.mark.parametrize(("setting", "value", "word"), [("S3_BUCKET", "nobodys", "NoSuchBucket"), ("S3_ENDPOINT_URL", "http://127.0.0.1:1", "127.0.0.1")])
def test_a_bucket_that_cannot_be_used(s3: FakeS3, settings: Any, setting: str, value: str, word: str) -> None:
    setattr(settings, setting, value)
    found = bucket()
    assert found.state is State.FAILED
    assert word in found.said
    assert setting in found.mend


@pytest.mark.parametrize("operation", ["upload_part", "list_parts", "complete_multipart_upload"])
def test_what_is_not_allowed_leaves_nothing(s3: FakeS3, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    real = client.call

    def call(asked: str, **arguments: Any) -> dict[str, Any]:
        if asked == operation:
            raise client.Refused("MethodNotAllowed")
        return real(asked, **arguments)

    monkeypatch.setattr(client, "call", call)
    found = bucket()
    assert (found.state, "MethodNotAllowed" in found.said) == (State.FAILED, True)
    assert (s3.objects(), s3.multiparts()) == ({}, [])


def test_etags_that_are_no_sums_are_told(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    real = client.call

    def call(operation: str, **arguments: Any) -> dict[str, Any]:
        answer = real(operation, **arguments)
        return answer | {"ETag": '"opaque-1"'} if operation == "head_object" else answer

    monkeypatch.setattr(client, "call", call)
    assert bucket().state is State.WARNING


def test_bytes_that_come_back_changed(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "read", lambda key, *, first, count: b"other")
    assert bucket().state is State.FAILED
