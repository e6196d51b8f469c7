"""What a foreign exception means in our catalogue: one place for views, API and the raw ASGI endpoint."""

from __future__ import annotations

import psycopg
import psycopg_pool
from django.core.exceptions import BadRequest as DjangoBadRequest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404

from resilience.errors import AppError, InternalUnclassified

from .errors import BadRequest, DatabaseUnavailable, NotAllowed, NotFound, RequestTooLarge

DATABASE_DOWN = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout)
DATABASE_RETRY_AFTER_SECONDS = 5


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
            return DatabaseUnavailable(retry_after=DATABASE_RETRY_AFTER_SECONDS)
        case _:
            return InternalUnclassified()
