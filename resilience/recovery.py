"""What `manage.py recover` runs: each room registers its parts, lowest room first, and one that fails keeps no other from running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Recover(Protocol):
    def __call__(self, *, dry_run: bool) -> int:
        """Put right what is wrong, or with `dry_run` only look. Return how many rows that is. Safe to run twice and beside others."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """How one part went; `error` is empty when it went well."""

    name: str
    count: int = 0
    error: str = ""


_PARTS: dict[str, Callable[..., int]] = {}


def register(name: str, function: Callable[..., int]) -> None:
    """Add a part. Parts run in the order in which they were registered, which is the order of INSTALLED_APPS.

    Raises:
        ValueError: two parts share a name.
    """
    known = _PARTS.get(name)
    if known is not None and known.__qualname__ != function.__qualname__:
        raise ValueError(f"Two parts of the recovery are named {name}.")
    _PARTS[name] = function


def run_all(*, dry_run: bool = False) -> list[Part]:
    """Run every part and say how each went. What a part raises is logged and reported, and the next one runs."""
    return [_run(name, function, dry_run=dry_run) for name, function in _PARTS.items()]


def _run(name: str, function: Callable[..., int], *, dry_run: bool) -> Part:
    try:
        return Part(name, count=function(dry_run=dry_run))
    except Exception as error:
        log.exception("recovery.part_failed", part=name)
        return Part(name, error=" ".join(f"{type(error).__name__}: {error}".split())[:500])
