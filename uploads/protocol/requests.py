"""A request to the upload address, as both protocols see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uploads.errors import UploadNotFound

from .headers import Headers

ROOT = "/files"
_TOKEN = re.compile(r"upt_[A-Za-z0-9_-]{43}")
_SESSION = re.compile(r"upl_[0-9a-z]{20}")


@dataclass(frozen=True, slots=True)
class Request:
    """`method` after X-HTTP-Method-Override; `segment` is what follows /files/, empty for the collection."""

    method: str
    segment: str
    headers: Headers
    host: str
    is_head: bool

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any]) -> Request:
        headers = Headers(scope["headers"])
        sent = str(scope["method"]).upper()
        override = headers.text("X-HTTP-Method-Override").upper()
        return cls(
            method=override or sent,
            segment=str(scope["path"])[len(ROOT) :].removeprefix("/"),
            headers=headers,
            host=headers.text("Host"),
            is_head=sent == "HEAD",
        )

    def content_length(self) -> int | None:
        """Bytes of the body; None while unknown (chunked).

        Raises:
            HeaderInvalid: it is no number.
        """
        if self.headers.text("Transfer-Encoding"):
            return None
        return self.headers.number_if_given("Content-Length") or 0

    def announces_body(self) -> bool:
        return bool(self.headers.text("Transfer-Encoding")) or self.headers.text("Content-Length") not in ("", "0")

    def credentials(self) -> tuple[str, str]:
        """Return the secret that authorises this request, and the session it must belong to ("" when the secret alone names it).

        Raises:
            UploadNotFound: the address is none of ours.
        """
        if _TOKEN.fullmatch(self.segment):
            return self.segment, ""
        scheme, _, secret = self.headers.text("Authorization").partition(" ")
        if _SESSION.fullmatch(self.segment) and scheme.lower() == "bearer":
            return secret.strip(), self.segment
        raise UploadNotFound
