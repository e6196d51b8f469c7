"""What a boto3 client raised, as a failure that can be classified. Pure; used for every AWS service."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from processing.errors.said_by_botocore import BOTOCORE

from .base import RAW_LIMIT, Failure

_KNOWN = frozenset(row.code for row in BOTOCORE.rows)


def failure_of(error: BaseException) -> Failure:
    """Return what an exception of boto3 says, under the most telling code that is known.

    Of an answer that is its error's code, or else its HTTP status; of an exception without an answer, its own or its nearest parent's name.
    """
    if isinstance(error, ClientError):
        return Failure("botocore", _code_of(error.response), str(error)[:RAW_LIMIT])
    names = [parent.__name__ for parent in type(error).__mro__]
    known = next((name for name in names if name in _KNOWN), names[0])
    return Failure("botocore", known, f"{names[0]}: {error}"[:RAW_LIMIT])


def _code_of(response: Any) -> str:
    code = str(response.get("Error", {}).get("Code", ""))
    status = str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    return next((each for each in (code, status) if each in _KNOWN), code or status)
