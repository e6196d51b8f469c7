"""How much of the work may be retries: a bucket of tokens per dependency, in each process.

A retry takes a token, a success gives a tenth of one back: in the long run at most one try in ten is a retry. While the bucket is empty,
retries wait as long as their kind allows, so that a dependency that is failing is not buried under tries before its circuit opens.
"""

from __future__ import annotations

import os
import threading

from resilience.metrics import counter, gauge

from .registry import Kind

CAPACITY = 50
# In tenths, as ten times a tenth is not one in binary.
_FULL = 10 * CAPACITY
_COST = 10
_GAIN = 1

_SPENT = counter("holdfast_tasks_retry_budget_spent_total", "Retries that had to wait longer because their budget was spent.", ["dependency"])
_LEFT = gauge("holdfast_tasks_retry_budget_tokens", "Retries left in the budget, in the process that has the fewest.", ["dependency"], across="min")

_LOCK = threading.Lock()
_TENTHS: dict[str, int] = {}


def dependencies(kind: Kind) -> tuple[str, ...]:
    """Return whose budgets the retries of a kind are taken from: what it needs, else its own."""
    return kind.needs or (kind.name,)


def succeeded(kind: Kind) -> None:
    with _LOCK:
        for name in dependencies(kind):
            if name in _TENTHS:
                _put(name, _TENTHS[name] + _GAIN)


def take(kind: Kind) -> str:
    """Take a retry's token from each budget. Return the name of the first one that is spent, with nothing taken; empty when all had one."""
    with _LOCK:
        for name in dependencies(kind):
            if _TENTHS.get(name, _FULL) < _COST:
                _SPENT.labels(name).inc()
                return name
        for name in dependencies(kind):
            _put(name, _TENTHS.get(name, _FULL) - _COST)
    return ""


def left(name: str) -> float:
    """Return the tokens of a dependency in this process."""
    return _TENTHS.get(name, _FULL) / _COST


def forget() -> None:
    """Begin with full buckets, as a new process does."""
    _TENTHS.clear()


def _put(name: str, tenths: int) -> None:
    _TENTHS[name] = min(tenths, _FULL)
    _LEFT.labels(name).set(_TENTHS[name] / _COST)
    if tenths >= _FULL:
        del _TENTHS[name]  # a full bucket is not kept


def _after_fork() -> None:
    global _LOCK
    _LOCK = threading.Lock()
    forget()


os.register_at_fork(after_in_child=_after_fork)
