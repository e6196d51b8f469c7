"""A whole bucket is listed seldom: each listing costs."""

from __future__ import annotations

from typing import Any

import pytest

from resilience import recovery
from tests.s3 import FakeS3, s3, s3_server  # noqa: F401
from uploads.services import reap_remote
from uploads.services.reap_remote import seldom
from uploads.store.s3 import client


def test_a_process_lists_the_bucket_once_an_hour_and_the_disk_every_time(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[bool] = []

    def part(*, dry_run: bool) -> int:
        runs.append(dry_run)
        return 3

    now = [1000.0]
    monkeypatch.setattr(reap_remote.time, "monotonic", lambda: now[0])
    on_disk, in_s3 = seldom(part), seldom(part)
    assert (on_disk(), on_disk(), len(runs)) == (3, 3, 2)
    settings.UPLOAD_STORE = "s3"
    runs.clear()
    assert (in_s3(), in_s3(), in_s3(dry_run=True)) == (3, 0, 3)
    now[0] += reap_remote.LISTING_SECONDS
    assert (in_s3(), runs) == (3, [False, True, False])


@pytest.mark.django_db
def test_the_recovery_looks_into_the_bucket(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    asked: list[str] = []
    real = client.call
    monkeypatch.setattr(client, "call", lambda operation, **arguments: (asked.append(operation), real(operation, **arguments))[1])
    parts = {part.name: part for part in recovery.run_all(dry_run=True)}
    assert (parts["uploads.leftovers"].error, parts["uploads.orphans"].error) == ("", "")
    assert {"list_objects_v2", "list_multipart_uploads"} <= set(asked)
