"""What a client knows, whatever becomes of the server: what it sent, and what it was told. One JSON line each, in the order of events."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Ledger:
    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, what: str, **values: Any) -> None:
        """Written at once, by one call: a client does not die with its server."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps({"what": what} | values).encode() + b"\n")
        finally:
            os.close(descriptor)

    def entries(self, what: str, **match: Any) -> list[dict[str, Any]]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        found = [json.loads(line) for line in lines]
        return [entry for entry in found if entry["what"] == what and match.items() <= entry.items()]

    def last(self, what: str, **match: Any) -> dict[str, Any] | None:
        entries = self.entries(what, **match)
        return entries[-1] if entries else None

    def once(self, what: str, **values: Any) -> bool:
        """Return True the first time, and remember it."""
        if self.last(what, **values):
            return False
        self.note(what, **values)
        return True
