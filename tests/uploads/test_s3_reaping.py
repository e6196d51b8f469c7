"""A whole bucket is listed seldom: each listing costs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from resilience import reapers, recovery
from tests.s3 import FakeS3
from uploads.store.s3 import client


def test_the_bucket_is_not_listed_each_minute() -> None:
    found = reapers.find("uploads.leftovers")
    assert found is not None
    assert found.every >= timedelta(hours=1)


@pytest.mark.django_db
def test_the_recovery_looks_into_the_bucket(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = client.call
    monkeypatch.setattr(client, "call", lambda operation, **arguments: (asked.append(operation), real(operation, **arguments))[1])
    parts = {part.name: part for part in recovery.run_all(dry_run=True)}
    assert (parts["uploads.leftovers"].error, parts["uploads.orphans"].error) == ("", "")
    assert {"list_objects_v2", "list_multipart_uploads"} <= set(asked)
