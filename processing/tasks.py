"""Durable task bodies of the processing room."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from processing.captions import receivers as captions_receivers  # noqa: F401 - they register themselves
from processing.captions import tasks as captions_tasks  # noqa: F401
from processing.extras import receivers as extras_receivers  # noqa: F401
from processing.extras import tasks as extras_tasks  # noqa: F401
from processing.services import look, outputs, poison, reap, route, run, submission, submit
from resilience import pressure
from resilience.reapers import reaper
from resilience.shedding import Work
from resilience.tasks import TaskContext, durable


def require_ease() -> None:
    """Let nothing new begin where it is tight: the task waits, no try and no attempt spent.

    Raises:
        Stretched.
    """
    free = min(pressure.disk_free(Path(folder)) for folder in (settings.WORK_DIR, settings.RENDITION_DIR))
    pressure.require_ease(Work.CONVERSION, disk_free=free)


@durable("processing.submit", timeout=90, tries=60, cap=60.0)
def submit_job(context: TaskContext, *, job_id: str, engine: str = "", salvage: bool = False) -> None:
    require_ease()
    chosen = route.choose(job_id, wanted=engine, salvage=salvage)
    if chosen is not None:
        submit.submit_job(job_id, engine=chosen, salvage=salvage)
    submission.carry_on(job_id, lease_lost=context.lease_lost)


@durable("processing.transcode", queue="media", timeout=20 * 3600, tries=5, on_dead=poison.transcode_is_dead)
def transcode(context: TaskContext, *, job_id: str, attempt_id: str) -> None:
    require_ease()
    run.run_attempt(context, job_id=job_id, chain_id=attempt_id)


@durable("processing.look", timeout=1800, tries=6, on_dead=look.looking_is_dead)
def look_at_source(context: TaskContext, *, job_id: str, attempt_id: str) -> None:
    look.look(attempt_id)


@durable("processing.delete_outputs", timeout=300)
def delete_outputs(context: TaskContext, *, video_id: str) -> None:
    outputs.delete_outputs(video_id)


reaper("processing.jobs", about="Gives jobs nobody works on a new task.")(reap.resume_jobs)
reaper("processing.blocked", about="Lets jobs that wait for an operator try again.")(reap.unblock_jobs)
reaper("processing.work", per_host=True, frees_disk=True, about="Removes working folders and files of attempts that are over.")(reap.reap_work)
reaper("processing.leftovers", frees_disk=True, about="Removes what failed attempts had put into the store.")(reap.reap_outputs)
