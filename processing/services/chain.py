"""Which engines a job may use, and the policies and clock its retries go by."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection

from processing.classify import ErrorClass
from processing.decide import Policy
from processing.models import Job, RetryPolicy

# What `RetryPolicy` rows are seeded with; also what counts for a class whose row somebody deleted.
SHIPPED = {
    ErrorClass.TRANSIENT: Policy(tries=2, base_s=30, cap_s=120),
    ErrorClass.STALLED: Policy(tries=2, base_s=30, cap_s=120),
    ErrorClass.DEPENDENCY: Policy(tries=2, base_s=30, cap_s=120),
    ErrorClass.THROTTLED: Policy(tries=1000, base_s=30, cap_s=300, jitter=1.0, within_s=6 * 3600, next_after_s=600),
    ErrorClass.CAPACITY: Policy(tries=1000, base_s=30, cap_s=300, jitter=1.0, within_s=6 * 3600, next_after_s=600),
    ErrorClass.ACCELERATION: Policy(tries=1, base_s=1, cap_s=1),
    ErrorClass.INPUT_CORRUPT: Policy(salvage=True),
    ErrorClass.OUTPUT_INVALID: Policy(salvage=True),
    ErrorClass.IAM: Policy(tries=1, base_s=60, cap_s=60),
    ErrorClass.UNCLASSIFIED: Policy(tries=1, base_s=30, cap_s=30, salvage=True),
}


def configured_chain() -> list[str]:
    return list(settings.ENGINES) or ["local"]


def policy_for(error_class: ErrorClass, error_code: str = "") -> Policy:
    """Return what to do about a failure: the row of its code, else that of its class, else what we ship."""
    row = RetryPolicy.objects.filter(error_class=error_class, error_code__in=("", error_code)).order_by("-error_code").first()
    if row is None:
        return SHIPPED.get(error_class, Policy())
    return Policy(
        row.tries, row.base_s, row.cap_s, jitter=row.jitter, within_s=row.within_s, next_after_s=row.next_after_s,
        salvage=row.salvage, enabled=row.enabled, engines=tuple(row.engines), users_first=row.users_first,
    )  # fmt: skip


def acceleration_off(job: Job) -> bool:
    """Whether the job's next attempts do without acceleration: one of its attempts failed because of it."""
    return job.attempts.filter(error_class=ErrorClass.ACCELERATION).exists()


def in_seconds(seconds: float) -> datetime:
    """Return the moment so many seconds from now, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp() + make_interval(secs => %s)", [seconds])
        moment: datetime = cursor.fetchone()[0]
    return moment
