"""MediaConvert in one region: it answers, our queue takes jobs, and we may do there what we do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings

from resilience.doctor import Finding, failed, ok, warning

from .asking import client, is_denied, looked, status_of

# No job has it: MediaConvert's ids begin with the time of the job.
NO_JOB = "0000000000000-doctor"
# A request that is always refused, after it was seen that we may ask: a job without anything to do.
NOTHING_TO_DO: dict[str, Any] = {"Inputs": [], "OutputGroups": []}


@looked("See that this machine reaches mediaconvert.<region>.amazonaws.com, or set MEDIACONVERT_ENDPOINT_URL.")
def answers(region: str) -> Finding:
    asked = client("mediaconvert", region)
    queues = asked.list_queues(MaxResults=20)["Queues"]
    arn = settings.MEDIACONVERT_QUEUES.get(region)
    if not arn:
        return ok(f"It answers ({asked.meta.endpoint_url}); jobs go to the account's default queue.")
    queue = next((queue for queue in queues if queue["Arn"] == arn), None)
    if queue is None:
        return failed(f"It answers, but has no queue {arn}.", "Set MEDIACONVERT_QUEUES to the stack's output QueueArn.")
    if queue["Status"] != "ACTIVE":
        return warning(f"Its queue {queue['Name']} is paused: jobs wait.", "Activate it, in the AWS console or by `aws mediaconvert update-queue`.")
    return ok(f"It answers; queue {queue['Name']}: {queue.get('SubmittedJobsCount', 0)} jobs wait, {queue.get('ProgressingJobsCount', 0)} run.")


def allowed(region: str) -> Finding:
    """Ask everything we ever ask, in a way that does nothing."""
    refused: list[str] = []
    for action, ask in _dry_calls(region):
        try:
            ask()
        except ClientError as error:
            if is_denied(error):
                refused.append(f"mediaconvert:{action}")
            elif status_of(error) not in (400, 404, 409):
                return failed(f"{action} was answered with {error}", "Run this again; if it stays, look at AWS's health dashboard.")
    if refused:
        return failed(f"We may not {', '.join(refused)}.", "Attach the policy holdfast-app to whoever runs web servers and workers.")
    return ok("We may begin, follow, find and cancel jobs.")


def _dry_calls(region: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    asked = client("mediaconvert", region)
    queue = {"Queue": settings.MEDIACONVERT_QUEUES[region]} if region in settings.MEDIACONVERT_QUEUES else {}
    yield "ListJobs", lambda: asked.list_jobs(MaxResults=1)
    yield "SearchJobs", lambda: asked.search_jobs(InputFile=NO_JOB, MaxResults=1)
    yield "GetJob", lambda: asked.get_job(Id=NO_JOB)
    yield "CancelJob", lambda: asked.cancel_job(Id=NO_JOB)
    yield "CreateJob", lambda: asked.create_job(Role=settings.MEDIACONVERT_ROLE_ARN, Settings=NOTHING_TO_DO, **queue)
