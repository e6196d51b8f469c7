"""A block guarded by a circuit, as `call` guards a function."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .breaker import FleetCircuit


class Calling:
    """`with circuit.calling():`"""

    __slots__ = ("_began", "_circuit", "_permit", "_places")

    def __init__(self, circuit: FleetCircuit) -> None:
        self._circuit = circuit

    def __enter__(self) -> None:
        self._began = monotonic()
        self._permit, self._places = self._circuit.enter(self._began)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        took = monotonic() - self._began
        try:
            if error is None:
                self._circuit.went_well(self._permit, took)
            else:
                self._circuit.went_badly(self._permit, error, took)
        finally:
            self._places.put(None)
