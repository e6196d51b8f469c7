"""Each rule is broken on purpose: it is seen, repaired where that is safe, and holds afterwards."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from notifications.models import Notification, NotificationKind
from processing.models import Attempt, AttemptState, Job, JobState, Publication, Rendition, RenditionState
from resilience import integrity
from resilience.models import Mail, OperatorAction, Task
from resilience.models.tasks import TaskState
from support.models import Ticket, TicketAttachment
from tests.admin.rows import make_run, make_task
from tests.factories import make_session, make_user, make_video
from uploads.models import SessionState, UploadRole, UploadSession, VideoState
from uploads.store import store

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now() - timedelta(days=3)
SIZE = 1000


@pytest.fixture(autouse=True)
def _own_stores(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.WORK_DIR = tmp_path / "work"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "out"}}}


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code, and what was said of each rule that is broken."""
    out = io.StringIO()
    code = 0
    try:
        call_command("check_integrity", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = json.loads(out.getvalue())
    assert said["clean"] is (code == 0)
    assert not [rule for rule in said["rules"] if rule["error"]]
    return code, {rule["name"]: rule for rule in said["rules"] if rule["found"]}


def stored(session: UploadSession, size: int = SIZE) -> UploadSession:
    UploadSession.objects.filter(pk=session.pk).update(storage_key=session.public_id, updated_at=LONG_AGO)
    session.refresh_from_db()
    store().create(session.storage_key)
    store().path(session.storage_key).write_bytes(b"x" * size)  # type: ignore[attr-defined] # a disk
    return session


def accepted(**values: Any) -> UploadSession:
    return stored(make_session(length=SIZE, committed=SIZE, state=SessionState.ACCEPTED, **values))


def ready_job() -> Job:
    session = accepted(video=make_video(state=VideoState.READY))
    job = Job.objects.create(video=session.its_video, source=session, state=JobState.READY, engines=["local"], finished_at=LONG_AGO)
    path = default_storage.save(f"{job.video.public_id}/{job.public_id}/att/360p/index.m3u8", ContentFile(b"#EXTM3U"))
    Rendition.objects.create(job=job, rung="360p", state=RenditionState.READY, path=path, bitrate=800_000, codecs="avc1", width=640, height=360)
    playlist = default_storage.save(f"{job.video.public_id}/{job.public_id}/main.m3u8", ContentFile(b"#EXTM3U"))
    Publication.objects.create(video=job.video, job=job, playlist=playlist, complete=True)
    return job


def attachment(**values: Any) -> TicketAttachment:
    owner = make_user()
    upload = accepted(video=make_video(owner=owner))
    UploadSession.objects.filter(pk=upload.pk).update(role=UploadRole.ATTACHED, video=None)
    return TicketAttachment.objects.create(ticket=Ticket.objects.create(owner=owner, subject="Help"), upload=upload, **values)


def a_lease_nobody_ended() -> None:
    task = make_task(state=TaskState.LEASED, lease_epoch=1, lease_expires_at=LONG_AGO)
    make_run(task, outcome="", ended_at=None)


def a_run_without_a_lease() -> None:
    run_row = make_run(make_task(state=TaskState.SUCCEEDED), outcome="", ended_at=None)
    type(run_row).objects.filter(pk=run_row.pk).update(started_at=LONG_AGO)


def a_message_nobody_delivers() -> None:
    Mail.objects.create(message_id="<1@x>", sender="a@x", recipients=["b@x"], left=["b@x"], subject="s", body=b"b")


def a_body_kept() -> None:
    Mail.objects.create(message_id="<2@x>", sender="a@x", recipients=["b@x"], subject="s", body=b"b", state="sent", sent_at=timezone.now())


def accepted_bytes_lost() -> None:
    session = accepted(video=make_video(state=VideoState.FAILED))
    store().path(session.storage_key).write_bytes(b"x")  # type: ignore[attr-defined]


def told_bytes_lost() -> None:
    stored(make_session(length=SIZE, committed=SIZE // 2, state=SessionState.RECEIVING), size=10)


def a_file_nobody_looks_at() -> None:
    stored(make_session(video=make_video(state=VideoState.CHECKING), length=SIZE, committed=SIZE, state=SessionState.RECEIVED))


def a_ready_video_without_a_file() -> None:
    make_video(state=VideoState.READY)


def an_upload_past_its_end() -> None:
    stored(make_session(length=SIZE, committed=0, expires_at=LONG_AGO), size=0)


def bytes_of_nobody() -> None:
    store().create("upl_nobody")
    os.utime(store().path("upl_nobody"), (LONG_AGO.timestamp(),) * 2)  # type: ignore[attr-defined]


def a_lease_of_an_upload_that_is_over() -> None:
    UploadSession.objects.filter(pk=accepted(video=make_video(state=VideoState.FAILED)).pk).update(lease_owner="host/1/2", lease_expires_at=LONG_AGO)


def a_job_nobody_works_on() -> None:
    session = accepted(video=make_video(state=VideoState.CONVERTING))
    job = Job.objects.create(video=session.its_video, source=session, engines=["local"], state=JobState.QUEUED)
    Job.objects.filter(pk=job.pk).update(updated_at=LONG_AGO)


def an_attempt_of_an_ended_job() -> None:
    Attempt.objects.create(job=ready_job(), number=1, engine="local", state=AttemptState.PROGRESSING)


def at_mediaconvert(**values: Any) -> None:
    session = accepted(video=make_video(state=VideoState.CONVERTING))
    job = Job.objects.create(video=session.its_video, source=session, engines=["mediaconvert:eu-west-1"], state=JobState.RUNNING)
    Attempt.objects.create(job=job, number=1, engine="mediaconvert:eu-west-1", state=AttemptState.PROGRESSING, observed_at=timezone.now(), **values)


def a_job_elsewhere_without_end() -> None:
    at_mediaconvert(external_id="1", started_at=LONG_AGO)


def a_job_elsewhere_without_name() -> None:
    at_mediaconvert(started_at=timezone.now())


def nothing_to_play() -> None:
    Publication.objects.filter(job=ready_job()).delete()


def a_version_lost() -> None:
    job = ready_job()
    default_storage.delete(job.renditions.get().path)


def a_playlist_lost() -> None:
    default_storage.delete(Publication.objects.get(job=ready_job()).playlist)


def a_job_over_anothers_file() -> None:
    job = ready_job()
    Job.objects.filter(pk=job.pk).update(source=accepted(video=make_video(state=VideoState.FAILED)))


def news_of_anothers_video() -> None:
    Notification.objects.create(user=make_user(), video=make_video(), kind=NotificationKind.READY, key="x", title="Ready")


def an_accepted_file_not_attached() -> None:
    attachment()


def a_file_of_somebody_else() -> None:
    strange = attachment(attached_at=timezone.now())
    UploadSession.objects.filter(pk=strange.upload_id).update(owner=make_user())


def a_file_without_its_ticket() -> None:
    attachment(attached_at=timezone.now()).delete()


BROKEN: dict[str, tuple[Callable[[], None], bool]] = {  # by rule: how to break it, and whether it repairs itself
    "tasks.leases": (a_lease_nobody_ended, True),
    "tasks.runs": (a_run_without_a_lease, True),
    "mail.tasks": (a_message_nobody_delivers, True),
    "mail.bodies": (a_body_kept, True),
    "uploads.accepted_bytes": (accepted_bytes_lost, False),
    "uploads.told_bytes": (told_bytes_lost, True),
    "uploads.checks": (a_file_nobody_looks_at, True),
    "uploads.ready_videos": (a_ready_video_without_a_file, False),
    "uploads.expiry": (an_upload_past_its_end, True),
    "uploads.orphans": (bytes_of_nobody, True),
    "uploads.leases": (a_lease_of_an_upload_that_is_over, True),
    "processing.live_jobs": (a_job_nobody_works_on, True),
    "processing.attempts": (an_attempt_of_an_ended_job, True),
    "processing.remote_ends": (a_job_elsewhere_without_end, True),
    "processing.remote_names": (a_job_elsewhere_without_name, False),
    "processing.ready_videos": (nothing_to_play, False),
    "processing.renditions": (a_version_lost, False),
    "processing.publications": (a_playlist_lost, True),
    "processing.sources": (a_job_over_anothers_file, False),
    "notifications.owners": (news_of_anothers_video, True),
    "support.attached": (an_accepted_file_not_attached, True),
    "support.owners": (a_file_of_somebody_else, False),
    "support.unheld": (a_file_without_its_ticket, True),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_found_and_repaired_where_that_is_safe(name: str) -> None:
    breaks, mends = BROKEN[name]
    breaks()
    code, found = run()
    assert (code, list(found)) == (1, [name])
    assert found[name]["shown"][0]["said"]
    assert run()[1] == found  # looking changes nothing
    code, mended = run("--repair")
    assert (code, mended[name]["repaired"]) == ((0, found[name]["found"]) if mends else (1, 0))
    assert run()[0] == (0 if mends else 1)
    assert OperatorAction.objects.filter(action="integrity.repair", target=name).exists() == mends


def test_every_rule_is_broken_here() -> None:
    assert {rule.name for rule in integrity.all_rules()} - BROKEN.keys() == {"uploads.multiparts"}  # tried over S3 in tests/uploads/test_s3_reaping.py


def test_a_system_in_use_breaks_no_rule() -> None:
    ready_job()
    attachment(attached_at=timezone.now())
    make_session(length=SIZE, committed=0)
    make_task(state=TaskState.LEASED)
    make_task(state=TaskState.DEAD)
    assert run() == (0, {})


def test_a_rule_that_stops_is_said_and_keeps_no_other_from_being_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "_RULES", {})

    @integrity.rule("first", about="Stops.")
    def first() -> Any:
        raise OSError("no such disk")

    @integrity.rule("second", about="Holds.")
    def second() -> Any:
        return iter(())

    first_one, second_one = integrity.check_all()
    assert (first_one.error, first_one.is_clean) == ("OSError: no such disk", False)
    assert second_one.is_clean


def test_tables_are_read_in_batches(monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any) -> None:
    monkeypatch.setattr(integrity, "BATCH", 2)
    people = [make_user() for _ in range(5)]
    with django_assert_num_queries(3):
        assert list(integrity.in_batches(User.objects.filter(pk__in=[person.pk for person in people]))) == people


def test_words_for_people_say_what_was_done() -> None:
    a_body_kept()
    out = io.StringIO()
    call_command("check_integrity", "--repair", "--rule", "mail.bodies", "--rule", "mail.tasks", stdout=out, no_color=True)
    assert "mail.bodies: 1 found, 1 repaired" in out.getvalue()
    assert "mail.tasks: holds" in out.getvalue()
    assert Task.objects.count() == 0
