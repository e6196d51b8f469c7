"""The digest of a whole file, followed while its last request brings the end of it."""

from __future__ import annotations

from resilience.errors import AppError
from uploads.store import Appender
from uploads.threads import files

from .part import Proof

READ_AGAIN_BYTES = 64 * 2**20  # of what came before, while the client waits; beyond that the inspection compares alone


class Promised:
    """Follows a file's bytes; says nothing where it could not see all of them."""

    def __init__(self, proof: Proof | None) -> None:
        self._proof = proof

    async def begin(self, appender: Appender, *, committed: int) -> None:
        """Start with the bytes that are there."""
        if self._proof is None or committed == 0:
            return
        start = await files(appender.head, committed) if committed <= READ_AGAIN_BYTES else b""
        if len(start) == committed:
            await files(self._proof.update, start)
        else:
            self._proof = None

    def followers(self) -> list[Proof]:
        """Return what must see the bytes that come."""
        return [self._proof] if self._proof is not None else []

    def failure(self) -> AppError | None:
        """Return why the file, now whole, is not the one promised; None when it is, or is left to the inspection."""
        return self._proof.failure() if self._proof is not None else None
