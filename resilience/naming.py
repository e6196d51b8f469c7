"""Names in registries: each is one function's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def require_sole(what: str, name: str, *, known: Callable[..., Any] | None, new: Callable[..., Any]) -> None:
    """Refuse a second function under a name. The same one again (its module was imported twice) takes the place of the first.

    Args:
        what: what the registry holds, in the plural.
        known: the function that has the name so far, if one has.

    Raises:
        ValueError: two want this name.
    """
    if known is not None and known.__qualname__ != new.__qualname__:
        raise ValueError(f"Two {what} are named {name}.")
