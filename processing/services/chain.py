"""Which engines a job may use, and the policies and clock its retries go by."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection

from processing.classify import ErrorClass
from processing.decide import Policy
from processing.models import RetryPolicy


def configured_chain() -> list[str]:
    return list(settings.ENGINES) or ["local"]


def policy_for(error_class: ErrorClass) -> Policy:
    """Return the policy of a class; one without a row gets no second try."""
    row = RetryPolicy.objects.filter(error_class=error_class).first()
    if row is None:
        return Policy()
    return Policy(tries=row.tries, base_s=row.base_s, cap_s=row.cap_s, salvage=row.salvage, enabled=row.enabled)


def in_seconds(seconds: float) -> datetime:
    """Return the moment so many seconds from now, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp() + make_interval(secs => %s)", [seconds])
        moment: datetime = cursor.fetchone()[0]
    return moment
