"""Sessions out of plain rows, for the statements that every request sends: the same objects as the ORM makes, without its building of queries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import JSONField

from uploads.models import UploadSession

_FIELDS = UploadSession._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]
_JSON = [index for index, field in enumerate(_FIELDS) if isinstance(field, JSONField)]


def fetch(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def session_columns(alias: str) -> str:
    """Return what to select for `session_of`, from a table of that alias."""
    return ", ".join(f'{alias}."{field.column}"' for field in _FIELDS)


def session_of(row: Sequence[Any]) -> UploadSession:
    values = list(row)
    for index in _JSON:
        values[index] = json.loads(values[index])
    return UploadSession.from_db("default", _NAMES, values)
