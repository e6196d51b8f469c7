"""The whole line through the real claim, lease and finish of durable tasks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models.functions import Now

from processing import store
from processing.engines.local import engine as local_engine
from processing.models import AttemptState, Job, JobState, Publication
from processing.services import publish as publishing
from processing.services.jobs import open_job, retry_job
from resilience.circuits import circuit
from resilience.models import Circuit, Task, TaskRun
from resilience.models.tasks import TaskState
from resilience.tasks import finish
from resilience.tasks.runner import run_due
from tests import media
from tests.processing.helpers import accepted
from uploads.models import UploadSession, Video, VideoState
from uploads.signals import source_accepted

pytestmark = pytest.mark.django_db(transaction=True)


def mine(kind: str) -> Task:
    return Task.objects.filter(kind=kind).latest("created_at")


def test_from_an_accepted_source_to_a_published_video() -> None:
    session = accepted(media.clip())
    source_accepted.send(sender=UploadSession, session=session)
    run_due(queues=("default",))
    run_due(queues=("media",))
    video = Video.objects.get(pk=session.video_id)
    assert video.state == VideoState.READY
    assert Publication.objects.get(video=video).complete
    assert mine("processing.transcode").state == TaskState.SUCCEEDED


def test_an_open_circuit_snoozes_the_task_and_spends_no_attempt() -> None:
    job = open_job(accepted(media.clip()))
    run_due(queues=("default",))
    circuit("engine.local")
    Circuit.objects.update_or_create(name="engine.local", defaults={"state": "forced_open", "version": 1, "forced_until": Now() + timedelta(hours=1)})
    run_due(queues=("media",))
    task = mine("processing.transcode")
    assert (task.state, TaskRun.objects.get(task=task).outcome) == (TaskState.RETRY_WAIT, "snoozed")
    attempt = job.attempts.get()
    assert attempt.state == AttemptState.SUBMITTING


def test_files_at_fault_never_open_the_circuit(tmp_path: Path) -> None:
    whole = media.clip(seconds=4, faststart=True)
    cut = media.cut(whole, tmp_path / "cut.mp4", share=0.6)
    for _ in range(6):
        open_job(accepted(cut))
    run_due(queues=("default",))
    run_due(queues=("media",))
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.NEEDS_NEW_FILE}
    assert Circuit.objects.get(name="engine.local").window_failures == 0
    assert not Task.objects.exclude(state=TaskState.SUCCEEDED).exists()


def test_a_broken_engine_opens_the_circuit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_engine.command, "rung_command", lambda *_, **__: ["/bin/sh", "-c", "kill -9 $$"])
    for _ in range(6):
        open_job(accepted(media.clip()))
    run_due(queues=("default",))
    run_due(queues=("media",))
    assert Circuit.objects.get(name="engine.local").state == "open"
    assert TaskRun.objects.filter(outcome="snoozed").count() == 1


def test_a_worker_that_dies_three_times_over_a_file_is_the_end_of_the_job() -> None:
    job = open_job(accepted(media.clip()))
    run_due(queues=("default",))
    task = mine("processing.transcode")
    for epoch in range(1, 4):
        Task.objects.filter(pk=task.pk).update(state=TaskState.LEASED, lease_epoch=epoch, lease_expires_at=Now())
        task.refresh_from_db()
        TaskRun.objects.create(task=task, number=epoch, owner="gone", epoch=epoch)
        finish.crash(task, epoch)
    task.refresh_from_db()
    job.refresh_from_db()
    assert task.state == TaskState.DEAD
    assert (job.state, job.error_code, job.video.state) == (JobState.DEAD, "ENCODING_POISON", VideoState.FAILED)
    assert TaskRun.objects.filter(task=task, outcome="crashed").count() == 3
    again = retry_job(job, by=None, reason="more memory")
    run_due(queues=("default",))
    run_due(queues=("media",))
    again.refresh_from_db()
    assert again.state == JobState.READY


def test_no_room_for_the_playlist_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rung is made and in its place; only showing it failed. The next attempt shows it and makes nothing anew."""
    real = store.put_text

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    job = open_job(accepted(media.clip()))
    run_due(queues=("default",))
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "put_text", full)
        run_due(queues=("media",))
    assert publishing.put_text is real
    first = job.attempts.get()
    assert (first.error_code, Publication.objects.exists()) == ("ENCODING_DISK_FULL", False)
    Task.objects.filter(state=TaskState.PENDING).update(run_at=Now())
    run_due(queues=("default",))
    run_due(queues=("media",))
    job.refresh_from_db()
    assert job.state == JobState.READY
    assert job.renditions.get().attempt == first
    assert not any(path.is_dir() for path in Path(settings.WORK_DIR).iterdir())
