"""The day before an unfinished upload is thrown away, its owner hears of it: once, and not while it still goes on."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from notifications.models import Notification
from resilience import recovery
from tests.factories import make_session, make_user, make_video
from tests.uploads.client import patch
from uploads.models import SessionState, UploadSession
from uploads.services.create import create_upload
from uploads.services.warn import warn_of_expiry

pytestmark = pytest.mark.django_db(transaction=True)


def unfinished(*, hours: float = 20, silent_days: float = 6.2, **values: Any) -> UploadSession:
    now = timezone.now()
    times = {"expires_at": now + timedelta(hours=hours), "updated_at": now - timedelta(days=silent_days)}
    return make_session(length=4 * 2**20, committed=2**20, **times | values)


def told() -> list[Notification]:
    return list(Notification.objects.filter(kind="upload_expiring"))


def test_the_owner_is_told_once_and_where_to_go_on() -> None:
    session = unfinished(expires_at=timezone.now() + timedelta(hours=20))
    assert (warn_of_expiry(dry_run=True), told()) == (1, [])
    assert (warn_of_expiry(), warn_of_expiry()) == (1, 0)
    (news,) = told()
    assert (news.user, news.title, news.link) == (session.owner, "“holiday.mp4” is still unfinished", "/#unfinished")
    assert news.body.startswith("1.0 MB of 4.0 MB arrived, and it is kept until ")
    assert "only what is missing is sent" in news.body
    assert (news.video, news.read_at) == (session.video, None)


@pytest.mark.parametrize(
    "values",
    [
        {"hours": 25},  # not yet
        {"hours": -1},  # too late: that it expired is told as that
        {"silent_days": 0.01},  # it goes on
        {"state": SessionState.RECEIVED},
        {"state": SessionState.ABORTED},
    ],
)
def test_nobody_is_told_what_they_need_not_know(values: dict[str, Any]) -> None:
    unfinished(**values)
    assert warn_of_expiry() == 0
    assert told() == []


def test_an_upload_that_went_on_and_stopped_again_is_told_of_again() -> None:
    session = unfinished()
    warn_of_expiry()
    UploadSession.objects.update(warned_at=timezone.now() - timedelta(days=6.5), expires_at=timezone.now() + timedelta(hours=19))  # a byte came 6.2 days ago
    assert (warn_of_expiry(), warn_of_expiry()) == (1, 0)
    assert len(told()) == 2
    assert UploadSession.objects.get(pk=session.pk).warned_at is not None


def test_a_byte_that_arrives_makes_the_warning_stale(settings: Any, tmp_path: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"
    made = create_upload(owner=make_user(), length=10, file_name="a.bin", declared_type="")
    long_ago = timezone.now() - timedelta(days=6.5)
    UploadSession.objects.update(updated_at=long_ago, expires_at=timezone.now() + timedelta(hours=12))
    assert warn_of_expiry() == 1
    assert asyncio.run(patch(f"/files/{made.secret}", 0, b"12345")).status == 204
    session = UploadSession.objects.get()
    assert session.warned_at is not None
    assert session.updated_at > session.warned_at
    assert session.expires_at > timezone.now() + timedelta(days=6)
    assert warn_of_expiry() == 0


def test_where_uploads_are_kept_for_hours_half_of_them_must_be_silence(settings: Any) -> None:
    settings.UPLOAD_EXPIRY_SECONDS = 4 * 3600
    unfinished(hours=3.5, silent_days=0.5 / 24)
    assert warn_of_expiry() == 0
    unfinished(hours=1.5, silent_days=2.5 / 24)
    assert warn_of_expiry() == 1


def test_two_at_once_tell_once() -> None:
    for _ in range(3):
        unfinished(video=make_video(owner=make_user()))
    barrier, counts = threading.Barrier(3), []

    def run() -> None:
        barrier.wait(60)
        counts.append(warn_of_expiry())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (sum(counts), len(told())) == (3, 3)


def test_a_telling_that_fails_is_not_noted_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    unfinished()
    with monkeypatch.context() as once:
        once.setattr("notifications.receivers.notify", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            warn_of_expiry()
    assert UploadSession.objects.get().warned_at is None
    assert warn_of_expiry() == 1


def test_the_housekeeper_does_it() -> None:
    unfinished()
    parts = {part.name: part for part in recovery.run_all()}
    assert (parts["uploads.warn"].count, parts["uploads.warn"].error) == (1, "")
