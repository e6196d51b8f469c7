"""Counters, gauges and histograms: prometheus-client's, over values that every process of the host shares, with bounded labels."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from threading import Lock
from typing import Any, Literal, TypeVar

import prometheus_client
from prometheus_client import values
from prometheus_client.metrics import MetricWrapperBase

from .values import SharedValue

MOST_LABEL_SETS = 200  # of one metric; what comes after is counted together
OTHER = "other"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_NAME = re.compile(r"holdfast_[a-z][a-z0-9]*(_[a-z0-9]+)+")

values.ValueClass = SharedValue  # read whenever a metric is made; the library's own for several processes is not fit (docs/decisions/)


class _Bounded(MetricWrapperBase):
    most = MOST_LABEL_SETS

    def labels(self, *given: object, **named: object) -> Any:
        """Return the child for these labels; beyond `most` of them, the one whose labels are all "other"."""
        if named:
            given = tuple(named.pop(name) for name in self._labelnames if name in named)
            if named or len(given) != len(self._labelnames):
                raise ValueError(f"{self._name} has the labels {', '.join(self._labelnames)}.")
        texts = tuple(map(str, given))
        found = self._metrics.get(texts)
        if found is not None:
            return found
        if len(self._metrics) >= self.most:
            texts = (OTHER,) * len(self._labelnames)
        return super().labels(*texts)


class Counter(_Bounded, prometheus_client.Counter):
    """Only grows: `.inc()`, `.inc(amount)`, `.labels(…).inc()`."""


class Gauge(_Bounded, prometheus_client.Gauge):
    """Goes up and down: `.set(value)`, `.inc()`, `.dec()`."""


class Histogram(_Bounded, prometheus_client.Histogram):
    """How large things were: `.observe(seconds)`, `with .time():`."""


_ACROSS: dict[str, Literal["livesum", "livemax", "livemin"]] = {"sum": "livesum", "max": "livemax", "min": "livemin"}
Declared = TypeVar("Declared", bound=MetricWrapperBase)
declared: dict[str, MetricWrapperBase] = {}


def counter(name: str, help: str, labels: Sequence[str] = (), *, most: int = MOST_LABEL_SETS) -> Counter:
    """Declare a counter, `holdfast_<area>_<what>_total`, beside the code that moves it. `most` bounds its label sets."""
    made = _declare(name, Counter, lambda: Counter(name, help, labels, registry=None), ends=("_total",))
    made.most = most
    return made


def gauge(name: str, help: str, labels: Sequence[str] = (), *, across: Literal["sum", "max", "min"] = "sum") -> Gauge:
    """Declare a gauge; `across` says how the living processes' values become one."""
    return _declare(name, Gauge, lambda: Gauge(name, help, labels, registry=None, multiprocess_mode=_ACROSS[across]))


def histogram(name: str, help: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = SECONDS) -> Histogram:
    """Declare a histogram, `holdfast_<area>_<what>_seconds` (or `_bytes`, with buckets of its own)."""
    return _declare(name, Histogram, lambda: Histogram(name, help, labels, registry=None, buckets=buckets), ends=("_seconds", "_bytes"))


def _declare(name: str, kind: type[Declared], make: Any, *, ends: tuple[str, ...] = ()) -> Declared:
    """Make a metric, or return the one made before from the same line (a module imported twice).

    Raises:
        ValueError: the name is not of our form, or another metric has it.
    """
    if not _NAME.fullmatch(name) or not name.endswith(ends or ("",)):
        raise ValueError(f"{name}: metrics are named holdfast_<area>_<what>_<unit>, a {kind.__name__} ends in {' or '.join(ends) or 'its unit'}.")
    known = declared.get(name)
    made: Declared = make()
    if known is None:
        declared[name] = made
        return made
    if not isinstance(known, kind) or (known._documentation, known._labelnames) != (made._documentation, made._labelnames):
        raise ValueError(f"Two metrics are named {name}.")
    return known


def _after_fork() -> None:
    """In the child: a thread of the parent may have held one of these for ever."""
    for metric in declared.values():
        if metric._labelnames:
            metric._lock = Lock()


os.register_at_fork(after_in_child=_after_fork)
