"""Which of the two protocols a request speaks, and what that changes about its answer."""

from __future__ import annotations

from types import ModuleType

from uploads.models import UploadSession

from . import draft, tus
from .headers import Headers
from .requests import Request
from .responses import Response

TUS, DRAFT = "tus", draft.NAME


def named(headers: Headers) -> str:
    """Return the protocol by what the request itself shows."""
    return DRAFT if draft.is_spoken(headers) else TUS


def module_of(protocol: str) -> ModuleType:
    """`creation`, `appending` and `status` of a protocol."""
    return draft if protocol == DRAFT else tus


def capabilities() -> dict[str, str]:
    """What OPTIONS tells, for both."""
    return tus.capabilities() | {"Upload-Limit": draft.limits()}


def mark(response: Response, request: Request, protocol: str) -> None:
    """Add what every answer of a protocol carries."""
    if request.method == "OPTIONS":
        return
    if protocol == TUS:
        response.headers["Tus-Resumable"] = tus.VERSION
    elif request.method in ("POST", "PATCH") and response.status >= 400:
        response.headers = draft.of_refusal(response.status) | response.headers


def appended(session: UploadSession, protocol: str) -> dict[str, str]:
    """Headers of the answer to an append that went through."""
    if protocol == DRAFT:
        return draft.status(session)
    return {"Upload-Offset": str(session.committed), **tus.expires(session)}
