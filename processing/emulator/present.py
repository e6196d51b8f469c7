"""What jobs and queues look like in answers, with the model's names (`wire.encode` writes them)."""

from __future__ import annotations

from typing import Any

from .queues import Queue
from .state import ENDED, Job, Status

_ECHOED = (
    "AccelerationSettings",
    "Role",
    "Settings",
    "StatusUpdateInterval",
    "UserMetadata",
    "SimulateReservedQueue",
    "BillingTagsSource",
    "ClientRequestToken",
)
_DEFAULTS: dict[str, Any] = {
    "AccelerationSettings": {"Mode": "DISABLED"},
    "StatusUpdateInterval": "SECONDS_60",
    "UserMetadata": {},
    "SimulateReservedQueue": "DISABLED",
    "BillingTagsSource": "JOB",
}
ENGINE = "2017-08-29"  # the version of the job engine that is said to be used when none was asked for


def job(item: Job) -> dict[str, Any]:
    """Describe a job as GetJob does: without paths of outputs, which only the event of COMPLETE tells."""
    asked = item.request.get("JobEngineVersion")
    facts = {name: item.request.get(name, _DEFAULTS.get(name)) for name in _ECHOED}
    facts |= {
        "Arn": item.arn,
        "Id": item.id,
        "CreatedAt": item.created,
        "Queue": item.queue,
        "Priority": item.priority,
        "Status": str(item.status),
        "RetryCount": item.retry_count,
        "HopDestinations": [],
        "Messages": {"Info": [], "Warning": []},
        "Timing": {"SubmitTime": item.created, "StartTime": item.started, "FinishTime": item.finished},
        "AccelerationStatus": _acceleration(item),
        "Warnings": [{"Code": code, "Count": count} for code, count in sorted(item.warnings.items())] or None,
        "JobEngineVersionRequested": asked,
        "JobEngineVersionUsed": (asked or ENGINE) if item.started else None,
    }
    return facts | _progress(item)


def _progress(item: Job) -> dict[str, Any]:
    if item.status is Status.ERROR:
        return {"ErrorCode": item.error_code, "ErrorMessage": item.error_message}
    if item.status is Status.COMPLETE:
        return {"OutputGroupDetails": item.details, "JobPercentComplete": 100, "CurrentPhase": item.phase}
    if item.status is Status.PROGRESSING:
        return {"CurrentPhase": item.phase, "JobPercentComplete": item.percent}
    return {}


def _acceleration(item: Job) -> str:
    if item.request.get("AccelerationSettings", {}).get("Mode", "DISABLED") == "DISABLED":
        return "NOT_APPLICABLE"
    if item.status not in ENDED:
        return "IN_PROGRESS"
    return "ACCELERATED" if item.accelerated else "NOT_ACCELERATED"


def queue(item: Queue, jobs: list[Job]) -> dict[str, Any]:
    """Describe a queue. `jobs` are those of its region."""
    mine = [one.status for one in jobs if one.queue == item.arn]
    return {
        "Arn": item.arn,
        "Name": item.name,
        "CreatedAt": item.created,
        "LastUpdated": item.updated,
        "Description": item.description or None,
        "PricingPlan": "ON_DEMAND",
        "Status": "PAUSED" if item.paused else "ACTIVE",
        "Type": "SYSTEM" if item.is_default else "CUSTOM",
        "ConcurrentJobs": item.most,
        "SubmittedJobsCount": mine.count(Status.SUBMITTED),
        "ProgressingJobsCount": mine.count(Status.PROGRESSING),
    }
