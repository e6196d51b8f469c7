"""Reading request headers strictly: what is not exactly right is refused, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from uploads.errors import HeaderInvalid

MOST = 2**63 - 1
_NUMBER = re.compile(r"[0-9]{1,19}")


class Headers:
    """Request headers by lower-case name. Repeated ones are joined by a comma, as HTTP says."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in raw:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
            self._values[key] = f"{self._values[key]},{text}" if key in self._values else text

    def get(self, name: str) -> str | None:
        return self._values.get(name.lower())

    def text(self, name: str) -> str:
        return self._values.get(name.lower(), "")

    def number(self, name: str) -> int:
        """Return a plain non-negative decimal of at most 2^63-1.

        Raises:
            HeaderInvalid: missing, or anything else.
        """
        value = self.get(name)
        if value is None or _NUMBER.fullmatch(value) is None or int(value) > MOST:
            raise HeaderInvalid(header=name)
        return int(value)

    def number_if_given(self, name: str) -> int | None:
        return None if self.get(name) is None else self.number(name)

    def media_type(self) -> str:
        return self.text("Content-Type").partition(";")[0].strip().lower()
