"""What becomes of a job whose durable task is a dead letter: somebody must be told."""

from __future__ import annotations

from django.db.models.functions import Now

from processing.classify import ErrorClass
from processing.engines.base import ENDED_RANK
from processing.errors import EngineFailed, SourcePoisonous
from processing.models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, AttemptState, Job, JobState
from processing.services import settle
from resilience.models import Task
from resilience.tasks.errors import TaskPoison


def transcode_is_dead(task: Task) -> None:
    """End the attempt and the job of a transcode that will not run again. Called inside the transaction that buries the task."""
    job = Job.objects.select_for_update().filter(public_id=task.payload["job_id"], state__in=LIVE_JOB_STATES).first()
    if job is None:
        return
    poisonous = task.error_code == TaskPoison.entry.code
    code = SourcePoisonous.entry.code if poisonous else EngineFailed.entry.code
    mine = Attempt.objects.filter(job=job, client_token=task.payload["attempt_id"], state__in=LIVE_ATTEMPT_STATES)
    ended = mine.update(
        state=AttemptState.FAILED, observation_rank=ENDED_RANK, ended_at=Now(), error_code=code,
        error_class=ErrorClass.POISON if poisonous else ErrorClass.TRANSIENT, error_raw=f"task {task.pk}: {task.error_code}",
        decision="dead: its task is a dead letter",
    )  # fmt: skip
    if ended:
        settle.give_up(job, JobState.DEAD)
