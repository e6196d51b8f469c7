"""Bodies that do what bodies should not. Each run of `test.marks` leaves a line in a file, so that two executions would be seen."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from resilience.tasks import TaskContext, durable


@durable("test.marks")
def marks(context: TaskContext, *, file: str, seconds: float = 0.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if context.lease_lost():
            return
        time.sleep(0.02)
    with Path(file).open("a") as marks:
        marks.write(f"{context.task_id}\n")


@durable("test.poison")
def poison(context: TaskContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Unsaveable:
    def __reduce__(self) -> Any:
        raise RuntimeError("I am not to be pickled.")

    def __str__(self) -> str:
        raise RuntimeError("Nor to be written down.")


@durable("test.returns")
def returns(context: TaskContext, *, what: str) -> Any:
    return {"unpicklable": lambda: None, "unsaveable": Unsaveable(), "nul": "a\0b", "generator": (n for n in range(3)), "large": "x" * 2**20}[what]


@durable("test.raises", tries=1)
def raises(context: TaskContext, *, what: str) -> None:
    class Local(Exception):  # can neither be pickled nor imported
        def __str__(self) -> str:
            return {"nul": "a\0b", "surrogate": "\ud800"}[what]

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise Mute if what == "mute" else Local


@durable("test.grows")
def grows(context: TaskContext, *, mebibytes: int) -> None:
    bytearray(mebibytes * 2**20)
