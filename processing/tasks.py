"""Durable task bodies of the processing room."""

from __future__ import annotations

from processing.services import outputs, poison, reap, run, submit
from resilience import recovery
from resilience.tasks import TaskContext, durable


@durable("processing.submit", timeout=60)
def submit_job(context: TaskContext, *, job_id: str, engine: str = "", salvage: bool = False) -> None:
    submit.submit_job(job_id, engine=engine, salvage=salvage)


@durable("processing.transcode", queue="media", timeout=20 * 3600, tries=5, on_dead=poison.transcode_is_dead)
def transcode(context: TaskContext, *, job_id: str, attempt_id: str) -> None:
    run.run_attempt(context, job_id=job_id, chain_id=attempt_id)


@durable("processing.delete_outputs", timeout=300)
def delete_outputs(context: TaskContext, *, video_id: str) -> None:
    outputs.delete_outputs(video_id)


recovery.register("processing.jobs", reap.resume_jobs)
recovery.register("processing.blocked", reap.unblock_jobs)
recovery.register("processing.leftovers", reap.reap_leftovers)
