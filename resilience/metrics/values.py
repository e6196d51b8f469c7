"""One number of a metric, as prometheus-client asks for it: counted in memory, and stored where every process of the host can read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .store import Doubles, Key, store


class SharedValue:
    """Stands in for prometheus-client's own values (`prometheus_client.values.ValueClass`); thread-safe, signal-safe, fork-safe."""

    _multiprocess = False  # ours is read like a value of one process; the merging is ours, too

    def __init__(self, typ: str, metric_name: str, name: str, labelnames: Sequence[str], labelvalues: Sequence[str], help_text: str, **options: Any) -> None:
        merge = str(options.get("multiprocess_mode", "")) or "sum"
        labels = tuple(zip((str(label) for label in labelnames), (str(value) for value in labelvalues), strict=True))
        self._key: Key = (str(typ), merge, metric_name, name, labels, help_text)
        self._value = 0.0
        self._generation = -1
        self._slots: Doubles | None = None
        self._index = 0

    def inc(self, amount: float) -> None:
        with store.lock:
            if self._generation != store.generation or self._slots is None:
                self._attach()
            self._value += amount
            if self._slots is not None:
                self._slots[self._index] = self._value

    def set(self, value: float, timestamp: float | None = None) -> None:
        with store.lock:
            if self._generation != store.generation or self._slots is None:
                self._attach()
            self._value = value
            if self._slots is not None:
                self._slots[self._index] = value

    def get(self) -> float:
        with store.lock:
            return self._value if self._generation == store.generation else 0.0

    def set_exemplar(self, exemplar: object) -> None:
        """Exemplars are not kept."""

    def get_exemplar(self) -> None:
        return None

    def _attach(self) -> None:
        if self._generation != store.generation:
            self._value = 0.0  # of the process we were forked from, which keeps it
            self._generation = store.generation
            self._slots = None
        found = store.slot(self._key)
        if found is not None:
            self._slots, self._index = found
