"""Tokens, ends of uploads, what is swept up, and the commands over them."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.utils import timezone
from knox.models import AuthToken

from resilience import recovery
from resilience.http.errors import VersionConflict
from tests.factories import make_session, make_user, make_video
from uploads import checks
from uploads.errors import ContinuedElsewhere, ScopeMissing, UploadNotFound, UploadRefused
from uploads.models import ResumeToken, SessionState, UploadSession, VideoState
from uploads.selectors import source_path, unfinished_uploads
from uploads.services.abort import abort_upload
from uploads.services.create import Created, create_upload
from uploads.services.delete import delete_video
from uploads.services.ended import why_ended
from uploads.services.expire import expire_uploads, reap_orphans
from uploads.services.tokens import add_token, issue_token, resolve
from uploads.services.videos import rename_video, set_video_state
from uploads.signals import upload_ended, video_changed
from uploads.store import store

pytestmark = pytest.mark.django_db


def made(**values: Any) -> Created:
    return create_upload(**{"owner": make_user(), "length": 10, "file_name": "a.mp4", "declared_type": ""} | values)


def test_the_secret_is_stored_only_as_its_hash() -> None:
    created = made()
    token = ResumeToken.objects.get()
    assert created.secret not in json.dumps([str(value) for value in token.__dict__.values()])
    assert resolve(created.secret, "append").session == created.session


def test_a_new_token_ends_the_one_before() -> None:
    created = made()
    fresh = issue_token(created.session)
    assert resolve(fresh, "status").session == created.session
    with pytest.raises(ContinuedElsewhere):
        resolve(created.secret, "status")
    assert list(ResumeToken.objects.order_by("generation").values_list("generation", flat=True)) == [1, 2]


def test_a_token_opens_only_what_its_scopes_say() -> None:
    session = made().session
    secret = add_token(session, generation=7, scopes=("status",))
    assert resolve(secret, "status")
    for scope in ("append", "cancel"):
        with pytest.raises(ScopeMissing):
            resolve(secret, scope)


@pytest.mark.parametrize("column", ["expires_at", "absolute_expires_at"])
def test_a_token_ends_with_its_time(column: str) -> None:
    created = made()
    ResumeToken.objects.update(**{column: Now() - timedelta(seconds=1)})
    with pytest.raises(UploadNotFound):
        resolve(created.secret, "status")


def test_using_a_token_lets_its_life_slide_but_never_past_its_end() -> None:
    created = made()
    soon = timezone.now() + timedelta(hours=1)
    ResumeToken.objects.update(expires_at=soon)
    resolve(created.secret, "status")
    assert ResumeToken.objects.get().expires_at > soon + timedelta(days=1)
    end = timezone.now() + timedelta(hours=2)
    ResumeToken.objects.update(expires_at=soon, absolute_expires_at=end)
    resolve(created.secret, "status")
    assert ResumeToken.objects.get().expires_at == end


def test_a_video_moves_only_from_where_it_may_and_says_so() -> None:
    video = make_video(state=VideoState.CHECKING)
    heard: list[tuple[str, str]] = []

    def hear(video: Any, before: str, **_: Any) -> None:
        heard.append((before, video.state))

    video_changed.connect(hear)
    try:
        assert set_video_state(video.pk, VideoState.CONVERTING, only_from=[VideoState.CHECKING], duration_s=2.5)
        assert not set_video_state(video.pk, VideoState.READY, only_from=[VideoState.CHECKING])
    finally:
        video_changed.disconnect(hear)
    video.refresh_from_db()
    assert (video.state, video.version, video.duration_s) == (VideoState.CONVERTING, 1, 2.5)
    assert heard == [("checking", "converting")]


def test_a_title_is_cleaned_and_a_stale_rename_is_refused() -> None:
    video = make_video(title="old")
    assert rename_video(video, title=" new\u202e \x00name ", version=0).title == "new name"
    assert rename_video(video, title="  \x00 ").title == "new name"
    with pytest.raises(VersionConflict):
        rename_video(video, title="again", version=0)


def test_a_deleted_video_leaves_no_bytes(upload_dir: Path) -> None:
    created = made()
    delete_video(created.session.video)
    assert not UploadSession.objects.exists()
    assert list(upload_dir.iterdir()) == []


def test_canceling_twice_is_harmless_and_told_once(upload_dir: Path) -> None:
    created = made()
    ended: list[str] = []

    def hear(session: UploadSession, **_: Any) -> None:
        ended.append(session.state)

    upload_ended.connect(hear)
    try:
        assert abort_upload(created.session)
        assert not abort_upload(created.session)
    finally:
        upload_ended.disconnect(hear)
    assert ended == ["aborted"]
    assert list(upload_dir.iterdir()) == []


def test_canceling_the_new_file_of_a_refused_video_leaves_it_waiting() -> None:
    owner = make_user()
    video = make_video(owner=owner, state=VideoState.NEEDS_NEW_FILE, error_code="UPLOAD_IS_TEXT")
    make_session(video=video, state=SessionState.REJECTED, error_code="UPLOAD_IS_TEXT", error_fields={"name": "a.mp4"})
    abort_upload(made(owner=owner, video=video).session)
    video.refresh_from_db()
    assert (video.state, video.error_code, video.error_fields) == (VideoState.NEEDS_NEW_FILE, "UPLOAD_IS_TEXT", {"name": "a.mp4"})


def test_an_accepted_file_stays_when_its_upload_address_is_deleted(upload_dir: Path) -> None:
    created = made()
    UploadSession.objects.update(state=SessionState.ACCEPTED, committed=10)
    assert abort_upload(created.session)
    created.session.refresh_from_db()
    assert created.session.state == SessionState.ACCEPTED
    assert why_ended(created.session) is not None
    assert source_path(created.session).exists()


def test_only_open_uploads_expire_and_the_tombstone_comes_before_the_bytes_go(monkeypatch: pytest.MonkeyPatch) -> None:
    overdue, running, complete = made().session, made().session, made().session
    past = timezone.now() - timedelta(seconds=1)
    UploadSession.objects.exclude(pk=running.pk).update(expires_at=past)
    UploadSession.objects.filter(pk=complete.pk).update(state=SessionState.ACCEPTED, committed=10)
    assert expire_uploads(dry_run=True) == 1

    def look(self: Any, key: str) -> None:
        assert UploadSession.objects.get(storage_key=key).state == SessionState.EXPIRED
        os.unlink(source_path(overdue))

    monkeypatch.setattr(type(store()), "delete", look)
    assert expire_uploads() == 1
    assert expire_uploads() == 0
    overdue.refresh_from_db()
    assert (overdue.state, overdue.video.state, overdue.video.error_code) == ("expired", "needs_new_file", "UPLOAD_EXPIRED")
    assert source_path(complete).exists()
    assert list(unfinished_uploads(running.owner)) == [running]
    assert not unfinished_uploads(overdue.owner)


def test_bytes_left_behind_by_a_crash_are_reaped_and_no_others(upload_dir: Path) -> None:
    ended, running, complete = made().session, made().session, made().session
    UploadSession.objects.filter(pk=ended.pk).update(state=SessionState.ABORTED)
    UploadSession.objects.filter(pk=complete.pk).update(state=SessionState.ACCEPTED)
    (upload_dir / "upl_nobody_knows_this").write_bytes(b"x")
    (upload_dir / "upl_young_one").write_bytes(b"x")
    old = time.time() - 2 * 3600
    for found in upload_dir.iterdir():
        if found.name != "upl_young_one":
            os.utime(found, (old, old))
    assert reap_orphans(dry_run=True) == 2
    assert reap_orphans() == 2
    assert {found.name for found in upload_dir.iterdir()} == {running.storage_key, complete.storage_key, "upl_young_one"}


def test_why_an_upload_ended_is_told_in_its_own_words() -> None:
    session = make_session(state=SessionState.REJECTED, error_code="UPLOAD_IS_TEXT", error_fields={"name": "a.mp4"})
    error = why_ended(session)
    assert isinstance(error, UploadRefused)
    assert "text file named a.mp4" in error.detail


def test_the_recoveries_know_ours() -> None:
    assert {"uploads.expire", "uploads.orphans"} <= {part.name for part in recovery.run_all(dry_run=True)}


def test_expire_uploads_prints_what_it_did() -> None:
    made()
    UploadSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    out = StringIO()
    call_command("expire_uploads", "--dry-run", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"expired": 1, "orphans": 0, "dry_run": True}
    call_command("expire_uploads", stdout=out)
    assert "1 uploads expired" in out.getvalue()


def test_api_token_prints_one_that_works_and_ends_them_all() -> None:
    user, out = make_user(email="ada@example.org"), StringIO()
    call_command("api_token", "Ada@example.org", stdout=out)
    assert AuthToken.objects.get().user == user
    assert len(out.getvalue().strip()) == 64
    call_command("api_token", "ada@example.org", "--revoke-all", stdout=out)
    assert not AuthToken.objects.exists()


def test_api_token_says_when_there_is_no_such_person() -> None:
    with pytest.raises(CommandError, match="Nobody signs in as nobody"):
        call_command("api_token", "nobody@example.org")


def test_a_folder_that_cannot_be_written_stops_the_start(settings: Any, tmp_path: Path) -> None:
    assert checks.upload_dir_is_writable(None) == []
    (tmp_path / "file").write_text("in the way")
    settings.UPLOAD_DIR = tmp_path / "file" / "uploads"
    assert [found.id for found in checks.upload_dir_is_writable(None)] == ["uploads.E001"]
