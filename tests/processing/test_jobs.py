"""Opening, retrying, canceling, deleting, recovering."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models.functions import Now

from processing import selectors
from processing.engines.local import engine as local_engine
from processing.errors import GaveUp
from processing.models import Attempt, AttemptState, Job, JobState, Publication, Rendition, RetryPolicy
from processing.notes import JobAlreadyEnded, JobStillRunning
from processing.services.jobs import cancel_job, open_job, retry_job
from processing.services.outputs import delete_outputs
from processing.services.poison import transcode_is_dead
from processing.services.reap import reap_work, resume_jobs, unblock_jobs
from processing.services.submit import submit_job
from resilience.models import OperatorAction, Task
from tests import media
from tests.factories import make_job, make_user
from tests.processing.helpers import accepted, convert, run_next, submitted
from uploads.models import SessionState, UploadSession, Video, VideoState
from uploads.signals import source_accepted

pytestmark = pytest.mark.django_db(transaction=True)


def aged(job: Job, **values: Any) -> Job:
    Job.objects.filter(pk=job.pk).update(updated_at=Now() - timedelta(hours=1), **values)
    job.refresh_from_db()
    return job


def test_an_accepted_source_becomes_a_job_and_a_task() -> None:
    session = accepted(media.clip())
    source_accepted.send(sender=UploadSession, session=session)
    source_accepted.send(sender=UploadSession, session=session)
    job = Job.objects.get(source=session)
    assert (job.state, job.engines, [rung["name"] for rung in job.ladder]) == (JobState.QUEUED, ["local"], ["180p"])
    assert Task.objects.get(kind="processing.submit").payload == {"job_id": job.public_id}
    assert job.video.state == VideoState.CONVERTING


def test_a_source_with_nothing_to_play_needs_a_new_file_at_once() -> None:
    job = open_job(accepted(media.clip(), probe={"duration_s": 2, "video": None, "audio": None, "container": "mp4", "size": 1}))
    assert (job.state, job.video.state, job.error_code) == (JobState.NEEDS_NEW_FILE, VideoState.NEEDS_NEW_FILE, "ENCODING_NOTHING_TO_PLAY")
    assert not Task.objects.exists()


def test_submit_twice_makes_one_attempt() -> None:
    job = open_job(accepted(media.clip()))
    assert submit_job(job.public_id) is not None
    assert submit_job(job.public_id) is None
    attempt = Attempt.objects.get()
    assert (attempt.state, attempt.engine, attempt.number) == (AttemptState.SUBMITTING, "local", 1)
    task = Task.objects.get(kind="processing.transcode")
    assert (task.key, task.queue) == (attempt.public_id, "media")


def test_retrying_a_dead_job_makes_a_successor_that_keeps_what_is_made() -> None:
    job, _ = submitted(media.clip(width=854, height=480, fps=10))
    Attempt.objects.update(state=AttemptState.FAILED)
    made = Rendition.objects.create(job=job, rung="360p", state="ready", path="v/j/a/360p/index.m3u8", bitrate=1, duration_s=2, size=1, codecs="x")
    Job.objects.filter(pk=job.pk).update(state=JobState.DEAD, error_code=GaveUp.entry.code)
    Video.objects.filter(pk=job.video_id).update(state=VideoState.FAILED, error_code=GaveUp.entry.code)
    operator = make_user(staff=True)
    successor = retry_job(job, by=operator, reason="disk replaced")
    assert successor.pk != job.pk
    assert successor.renditions.get().path == made.path
    successor.video.refresh_from_db()
    assert (successor.video.state, successor.video.error_code) == (VideoState.CONVERTING, "")
    action = OperatorAction.objects.get()
    assert (action.actor, action.action, action.reason) == (operator, "job.retry", "disk replaced")
    run_next(successor)
    successor.refresh_from_db()
    assert successor.state == JobState.READY
    assert set(successor.renditions.values_list("rung", "attempt__job__public_id")) == {("360p", None), ("480p", successor.public_id)}
    job.refresh_from_db()
    assert job.state == JobState.DEAD, "what ended stays ended"


def test_a_waiting_job_is_retried_as_it_is() -> None:
    job = make_job(state=JobState.QUEUED, ladder=[], retry_at=Now() + timedelta(hours=1))
    Attempt.objects.create(job=job, number=1, engine="local", state=AttemptState.FAILED)
    assert retry_job(job, by=None, reason="now") == job
    job.refresh_from_db()
    assert job.retry_at is None
    assert Task.objects.get(kind="processing.submit").payload == {"job_id": job.public_id}


def test_what_runs_is_not_retried_and_what_ended_is_not_canceled() -> None:
    job, _ = submitted(media.clip())
    with pytest.raises(JobStillRunning):
        retry_job(job, by=None, reason="")
    run_next(job)
    with pytest.raises(JobAlreadyEnded):
        retry_job(job, by=None, reason="")
    with pytest.raises(JobAlreadyEnded):
        cancel_job(job, by=None, reason="")
    assert not OperatorAction.objects.exists()


def test_canceling_a_retry_keeps_what_could_be_watched_before(monkeypatch: pytest.MonkeyPatch) -> None:
    real = local_engine.command.rung_command

    def only_lowest(*args: Any, **values: Any) -> list[str]:
        return real(*args, **values) if values["rung"].name == "360p" else ["/bin/sh", "-c", "exit 3"]

    RetryPolicy.objects.update_or_create(error_class="unclassified", defaults={"tries": 0, "base_s": 0, "cap_s": 0})
    monkeypatch.setattr(local_engine.command, "rung_command", only_lowest)
    job = convert(media.clip(width=854, height=480, fps=10))
    assert job.state == JobState.READY_PARTIAL
    successor = retry_job(job, by=None, reason="")
    cancel_job(successor, by=None, reason="")
    successor.video.refresh_from_db()
    assert (successor.video.state, successor.video.error_code) == (VideoState.READY, "ENCODING_LOWER_QUALITY")
    assert Publication.objects.get(video=job.video).complete


def test_a_clip_cut_in_the_middle_of_a_scene_plays_with_a_mild_note(tmp_path: Path) -> None:
    whole = media.clip(seconds=4, options=("-c:v", "libx264", "-g", "60", "-x264-params", "open-gop=1", "-pix_fmt", "yuv420p"))
    trimmed = tmp_path / "trimmed.mkv"
    media.ffmpeg("-ss", "1.3", "-i", str(whole), "-c", "copy", "-copyinkf", str(trimmed))
    job = convert(trimmed)
    if job.state == JobState.QUEUED:
        run_next(job)
        job.refresh_from_db()
        assert job.error_code == "ENCODING_PARTLY_SAVED"
    assert (job.state, job.video.state) == (JobState.READY, VideoState.READY)


def test_deleting_a_video_removes_its_renditions() -> None:
    job = convert(media.clip())
    video = job.video
    folder = Path(settings.RENDITION_DIR) / video.public_id
    assert any(folder.rglob("*.ts"))
    assert delete_outputs(video.public_id) == 0, "not while it exists"
    video.delete()
    task = Task.objects.get(kind="processing.delete_outputs")
    assert delete_outputs(**task.payload) > 3
    assert not folder.exists()
    assert delete_outputs(**task.payload) == 0
    assert not Job.objects.exists()
    assert not Publication.objects.exists()


def test_three_deaths_end_the_job_and_tell_the_owner() -> None:
    job, attempt = submitted(media.clip())
    task = Task.objects.get(kind="processing.transcode")
    task.error_code = "TASK_POISON"
    for _ in range(2):
        with transaction.atomic():
            transcode_is_dead(task)
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert (job.state, job.error_code, job.video.state) == (JobState.DEAD, "ENCODING_POISON", VideoState.FAILED)
    assert (attempt.state, attempt.error_class) == (AttemptState.FAILED, "poison")


def test_a_job_nobody_works_on_is_taken_up_again() -> None:
    job, attempt = submitted(media.clip())
    aged(job)
    assert resume_jobs() == 0, "it has a task"
    Task.objects.update(state="canceled")
    assert resume_jobs(dry_run=True) == 1
    assert resume_jobs() == 1
    assert resume_jobs() == 0
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.LOST
    run_next(job)
    job.refresh_from_db()
    assert job.state == JobState.READY


def test_a_blocked_job_goes_on_when_the_configuration_is_right(settings: Any) -> None:
    settings.FFMPEG = "/nonexistent/ffmpeg"
    job = convert(media.clip())
    assert unblock_jobs() == 0, "not at once"
    settings.FFMPEG = ""
    aged(job)
    assert unblock_jobs(dry_run=True) == 1
    assert unblock_jobs() == 1
    job.video.refresh_from_db()
    assert job.video.state == VideoState.CONVERTING
    run_next(job)
    job.refresh_from_db()
    assert job.state == JobState.READY


def test_a_blocked_job_looks_by_itself_whether_it_may_go_on(settings: Any) -> None:
    settings.FFMPEG = "/nonexistent/ffmpeg"
    job = convert(media.clip())
    assert job.state == JobState.BLOCKED
    look = Task.objects.filter(kind="processing.submit").latest("created_at")
    assert 299 < (look.run_at - look.created_at).total_seconds() <= 601
    settings.FFMPEG = ""
    run_next(job)
    job.refresh_from_db()
    job.video.refresh_from_db()
    assert (job.state, job.video.state, job.video.error_code) == (JobState.READY, VideoState.READY, "")


def test_working_folders_of_the_living_are_left_alone() -> None:
    _, attempt = submitted(media.clip())
    for name in (attempt.public_id, "att_of_nobody"):
        (Path(settings.WORK_DIR) / name).mkdir(parents=True, exist_ok=True)
    assert reap_work() >= 1
    assert [path.name for path in Path(settings.WORK_DIR).iterdir() if path.is_dir()] == [attempt.public_id]


def test_the_command_retries_dead_jobs_and_says_so() -> None:
    dead = make_job(state=JobState.DEAD, error_code="ENCODING_GAVE_UP", ladder=[])
    make_job(state=JobState.DEAD, error_code="ENCODING_POISON", ladder=[])
    make_job(state=JobState.READY)
    out = StringIO()
    call_command("retry_jobs", "--code", "ENCODING_GAVE_UP", "--dry-run", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"dry_run": True, "found": 1, "retried": [dead.public_id], "skipped": {}}
    assert not Task.objects.exists()
    out = StringIO()
    call_command("retry_jobs", "--code", "ENCODING_GAVE_UP", stdout=out)
    successor = Job.objects.get(video=dead.video, state=JobState.QUEUED)
    assert out.getvalue().splitlines() == ["1 of 1 jobs retried.", successor.public_id]
    out = StringIO()
    call_command("retry_jobs", "--limit", "1", "--json", stdout=out)
    assert len(json.loads(out.getvalue())["retried"]) == 1


def test_the_command_fails_when_something_was_left() -> None:
    job = make_job(state=JobState.BLOCKED, ladder=[])
    Attempt.objects.create(job=job, number=1, engine="local", state=AttemptState.PROGRESSING)
    with pytest.raises(CommandError, match="1 of 1 jobs were left"):
        call_command("retry_jobs", "--state", "blocked", stdout=StringIO())


def test_selectors_see_the_newest_job() -> None:
    old = make_job(state=JobState.DEAD)
    session = UploadSession.objects.create(video=old.video, owner=old.video.owner, state=SessionState.ACCEPTED, length=1, committed=1, expires_at=Now())
    new = Job.objects.create(video=old.video, source=session, state=JobState.QUEUED)
    assert selectors.current_job(old.video) == new
    assert selectors.published(old.video) is None
    assert list(selectors.retryable_jobs(selectors.Retryable((JobState.DEAD,)))) == []
    assert [(one.state, one.count) for one in selectors.job_counts()] == [(JobState.QUEUED, 1), (JobState.DEAD, 1)]
    Attempt.objects.create(job=old, number=1, engine="local", state=AttemptState.FAILED)
    assert [attempt.number for attempt in selectors.attempts(old.video)] == [1]
    assert not selectors.renditions(new).exists()
