"""104 (Upload Resumption Supported): where an upload can be resumed, told while its request still runs (IETF draft)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from uploads.protocol import draft
from uploads.protocol.headers import Headers

log = structlog.get_logger(__name__)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
STATUS = 104
_unable = False  # this server cannot send interim answers: asked once per process


class Interim:
    """Sends 104 to a client that names a version of the draft we speak, and to nobody else; silent on servers that cannot."""

    def __init__(self, send: Send, headers: Headers) -> None:
        self._send = send
        self._version = draft.interim_version(headers)

    @property
    def wanted(self) -> bool:
        return self._version is not None and not _unable

    async def created(self, address: str, limits: str) -> None:
        await self._tell({"Location": address, "Upload-Limit": limits})

    async def committed(self, offset: int) -> None:
        """Acknowledge bytes that are durable and committed."""
        await self._tell({"Upload-Offset": str(offset)})

    async def _tell(self, headers: dict[str, str]) -> None:
        global _unable
        if not self.wanted:
            return
        told = headers | {draft.VERSION_FIELD: str(self._version)}
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in told.items()]
        try:
            await self._send({"type": "http.response.informational", "status": STATUS, "headers": raw})
        except Exception as failure:  # noqa: BLE001 - every server has its own way to say that it does not know the message; the upload goes on without
            _unable = True
            log.info("upload.no_interim_answers", reason=type(failure).__name__)
