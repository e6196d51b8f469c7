"""Where it is tight, conversions wait: no try of the task and no attempt of the job is spent, and they go on by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from processing.models import AttemptState, JobState
from processing.services.jobs import open_job
from resilience import pressure
from resilience.models import Task, TaskRun
from resilience.models.tasks import TaskState
from resilience.tasks.runner import run_due
from tests import media
from tests.processing.helpers import accepted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("kind", "queue", "ready"), [("processing.submit", "default", ()), ("processing.transcode", "media", ("default",))])
def test_on_a_full_disk_a_conversion_waits_and_then_goes_on(kind: str, queue: str, ready: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    job = open_job(accepted(media.clip()))
    if ready:
        run_due(queues=ready)
    with monkeypatch.context() as full:
        full.setattr(pressure, "disk_free", lambda folder: 0.01)
        run_due(queues=(queue,))
    task = Task.objects.get(kind=kind)
    assert (task.state, task.error_code, TaskRun.objects.get(task=task).outcome) == (TaskState.RETRY_WAIT, "SERVICE_STRETCHED", "snoozed")
    assert task.run_at < timezone.now() + timedelta(seconds=60), "it goes on within a minute of there being room"
    assert not job.attempts.exclude(state=AttemptState.SUBMITTING).exists()
    Task.objects.update(run_at=Now() - timedelta(seconds=1))
    run_due(queues=("default",))
    run_due(queues=("media",))
    job.refresh_from_db()
    assert (job.state, job.attempts.count()) == (JobState.READY, 1)
