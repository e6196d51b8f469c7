"""How long calls took, and for how long their thread was blocked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


class Waits:
    """How long calls took, and how long of it their thread was blocked: neither computing nor standing in line for a core. Milliseconds."""

    def __init__(self, call: Callable[[], object], count: int) -> None:
        self.took: list[float] = []
        self.blocked: list[float] = []
        pause = 3.0 / count  # spread over three seconds or more, so that several looks of the keeper fall into it
        queue = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        try:
            for number in range(count):
                self._measure(call, queue)
                if number % 50 == 0:
                    time.sleep(50 * pause)
        finally:
            os.close(queue)

    def _measure(self, call: Callable[[], object], queue: int) -> None:
        stood, computed, began = _stood_in_line(queue), time.thread_time(), time.perf_counter()
        call()
        took, computed, stood = time.perf_counter() - began, time.thread_time() - computed, _stood_in_line(queue) - stood
        self.took.append(took * 1e3)
        self.blocked.append(max(0.0, took - computed - stood) * 1e3)

    def print(self, what: str, goal: float | None = None) -> None:
        took, blocked = sorted(self.took), sorted(self.blocked)
        print(f"{what:<40}{took[int(0.99 * len(took))]:>10.3f}{took[-1]:>10.2f}{blocked[-1]:>10.2f}{verdict(blocked[-1], goal)}", flush=True)


def _stood_in_line(queue: int) -> float:
    """Seconds a thread was ready to run and no core was free (proc(5), schedstat)."""
    return int(os.pread(queue, 100, 0).split()[1]) / 1e9


def verdict(measured: float, goal: float | None) -> str:
    return "" if goal is None else f"   goal ≤ {goal:g}: {'holds' if measured <= goal else 'falls short'}"
