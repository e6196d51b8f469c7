"""What only a store can do whose bytes one process holds alone."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class HeldAlone(Protocol):
    """An appender that counted its bytes when it took them: until it closes, nobody else changes them."""

    found: int
