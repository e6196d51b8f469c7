"""Sessions out of plain rows, for the statements that every request sends: the same objects as the ORM makes, without its building of queries."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from functools import cache
from typing import Any

from django.db.models import JSONField, Model

from resilience.statements import fetch
from uploads.models import UploadSession
from uploads.together import Call, together

_FIELDS = UploadSession._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]
_JSON = [index for index, field in enumerate(_FIELDS) if isinstance(field, JSONField)]


def session_columns(alias: str) -> str:
    """Return what to select for `session_of`, from a table of that alias."""
    return ", ".join(f'{alias}."{field.column}"' for field in _FIELDS)


def session_of(row: Sequence[Any]) -> UploadSession:
    values = list(row)
    for index in _JSON:
        values[index] = json.loads(values[index])
    return UploadSession.from_db("default", _NAMES, values)


def insert_columns(model: type[Model], *, but: Container[str]) -> list[str]:
    """Return the columns an INSERT must fill: all but the key, those the database fills by itself, and `but`."""
    fields = model._meta.concrete_fields
    return [str(field.column) for field in fields if not (field.primary_key or field.has_db_default() or field.column in but)]


def new_row(model: type[Model], **values: Any) -> dict[str, Any]:
    """Return a row for `json_populate_recordset`: the model's defaults, and these columns."""
    return _defaults(model) | values


@cache
def _defaults(model: type[Model]) -> dict[str, Any]:
    return {str(field.column): field.get_default() for field in model._meta.concrete_fields if not (field.primary_key or field.has_db_default())}


_NOW = f"SELECT {session_columns('s')} FROM uploads_uploadsession s WHERE s.id = ANY(%s)"  # noqa: S608 - the names of our own columns


def _now_many(calls: Sequence[Call]) -> list[UploadSession | Exception]:
    found = {session.pk: session for session in map(session_of, fetch(_NOW, list({call.args[0] for call in calls})))}
    return [found.get(call.args[0]) or UploadSession.DoesNotExist() for call in calls]


@together(_now_many)
def session_now(pk: int) -> UploadSession:
    """Return a session as it is now.

    Raises:
        UploadSession.DoesNotExist: it was deleted.
    """
    return UploadSession.objects.get(pk=pk)
