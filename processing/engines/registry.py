"""Which engines there are, by the first part of their name: `local`, `<kind>:<region>`."""

from __future__ import annotations

from collections.abc import Callable

from .base import Engine, EngineFailure, Failure
from .local import LocalEngine

_FACTORIES: dict[str, Callable[[str], Engine]] = {"local": LocalEngine}


def engine(name: str) -> Engine:
    """Return the engine of a chain's entry.

    Raises:
        EngineFailure: there is none of that kind.
    """
    factory = _FACTORIES.get(name.partition(":")[0])
    if factory is None:
        raise EngineFailure(Failure("engine", "MISSING", f"no engine is called {name}"))
    return factory(name)
