"""Circuits: a dependency that keeps failing is left alone by the whole fleet, and tried again by one call at a time."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from .errors import CircuitOpen

if TYPE_CHECKING:
    from .breaker import FleetCircuit

__all__ = ["CircuitOpen", "circuit", "rests", "warm_up"]

_CIRCUITS: dict[str, FleetCircuit] = {}
_LOCK = threading.Lock()


def _begin_anew() -> None:
    """In a forked child: whoever held the lock in the parent is not here to let go of it."""
    global _LOCK
    _LOCK = threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)


def circuit(name: str, **limits: Any) -> FleetCircuit:
    """Return this process's end of a circuit. `limits` are FleetCircuit's and count where it is asked for first.

    Use: `circuit("engine.local").call(fn, *args, **kwargs)`, or `with circuit("mail", timeout=10).calling(): …`.
    """
    found = _CIRCUITS.get(name)
    if found is None:
        from .breaker import FleetCircuit  # needs the app registry

        with _LOCK:
            found = _CIRCUITS.setdefault(name, FleetCircuit(name, **limits))
    return found


def rests(name: str) -> float:
    """Return the seconds until a call makes sense; 0 when calls go through. Only looks: nothing is counted or begun, nobody is waited for.

    While a trial call is under way the others rest until its end. A circuit nobody has used yet does not rest.
    """
    from .keeper import keeper

    return keeper().snapshot(name).rest_seconds(time.monotonic())


def warm_up() -> None:
    """Read what the fleet knows before the first call needs it. For processes that live long, after the fork that made them."""
    from .keeper import warm_up

    warm_up()
