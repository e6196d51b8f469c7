"""Which engines there are, by the first part of their name: `local`, `<kind>:<region>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .base import Engine, EngineFailure, Failure, RemoteEngine
from .local.engine import LocalEngine
from .mediaconvert.engine import MediaConvertEngine

T = TypeVar("T")
_REMOTE: dict[str, Callable[[str], RemoteEngine]] = {"mediaconvert": MediaConvertEngine}
_FACTORIES: dict[str, Callable[[str], Engine]] = {"local": LocalEngine, **_REMOTE}


def engine(name: str) -> Engine:
    """Return the engine of a chain's entry.

    Raises:
        EngineFailure: there is none of that kind.
    """
    return _made(name, _FACTORIES)


def remote_engine(name: str) -> RemoteEngine:
    """Return the engine of a chain's entry that works elsewhere. Raises as `engine`."""
    return _made(name, _REMOTE)


def is_remote(name: str) -> bool:
    """Whether a chain's entry names an engine that works elsewhere."""
    return _kind(name) in _REMOTE


def region_of(name: str) -> str:
    """Return the region of a chain's entry; empty where it has none."""
    return name.partition(":")[2]


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _made(name: str, factories: dict[str, Callable[[str], T]]) -> T:
    factory = factories.get(_kind(name))
    if factory is None:
        raise EngineFailure(Failure("engine", "MISSING", f"no engine is called {name}"))
    return factory(name)
