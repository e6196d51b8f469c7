"""What a foreign exception means in our catalogue: one place for views, API and the raw ASGI endpoint."""

from __future__ import annotations

import psycopg
import psycopg_pool
from django.core.exceptions import BadRequest as DjangoBadRequest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404

from resilience.database import CommitUnknown, PoolFull
from resilience.database.errors import CommitUnanswered, DatabaseBusy, DatabaseContended, DatabaseTooSlow
from resilience.errors import AppError, InternalUnclassified

from .errors import BadRequest, DatabaseUnavailable, NotAllowed, NotFound, RequestTooLarge

DATABASE_DOWN = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout)
DATABASE_RETRY_AFTER_SECONDS = 5
BUSY_RETRY_AFTER_SECONDS = 2
_BY_STATE = {"40001": DatabaseContended, "40P01": DatabaseContended, "55P03": DatabaseContended, "57014": DatabaseTooSlow}


def as_app_error(exception: BaseException) -> AppError:
    """Return the catalogue error an exception stands for; InternalUnclassified when it stands for none."""
    match exception:
        case AppError():
            return exception
        case Http404():
            return NotFound()
        case PermissionDenied():
            return NotAllowed()
        case RequestDataTooBig():
            return RequestTooLarge()
        case SuspiciousOperation() | DjangoBadRequest():
            return BadRequest()
        case _ if isinstance(exception, DATABASE_DOWN):
            return _of_database(exception)
        case _:
            return InternalUnclassified()


def _of_database(fault: BaseException) -> AppError:
    if isinstance(fault, PoolFull):
        return DatabaseBusy(retry_after=BUSY_RETRY_AFTER_SECONDS)
    if isinstance(fault, CommitUnknown):
        return CommitUnanswered(retry_after=DATABASE_RETRY_AFTER_SECONDS)
    state = getattr(fault, "sqlstate", None) or getattr(fault.__cause__, "sqlstate", None) or ""
    return _BY_STATE.get(state, DatabaseUnavailable)(retry_after=DATABASE_RETRY_AFTER_SECONDS)
