"""Eight processes of a fleet, forked from one that already uses circuits, before a dependency that is dead.

    python -m tests.resilience.circuit_fleet FOLDER

Each call that reaches the dependency is a line in FOLDER/calls: the permit's version, whether it was a trial, the process. The holder of
the second trial is killed inside it. They go on until FOLDER/stop is there. The parent, and a child of multiprocessing, fail three calls of
`goodbye` each in their last moments.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import django

PROCESSES = 8
LIMITS = {"fail_max": 10, "reset_timeout": 0.3, "timeout": 1.0}


def calls(folder: Path) -> list[tuple[int, bool, int]]:
    """Return what reached the dependency: version, trial, process."""
    lines = (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []
    return [(int(version), trial == "True", int(pid)) for version, trial, pid in (line.split() for line in lines)]


def work(folder: Path) -> None:
    from resilience.circuits import CircuitOpen, circuit

    log = os.open(folder / "calls", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    while not (folder / "stop").exists():
        guard = circuit("dead", **LIMITS).calling()
        with contextlib.suppress(ConnectionError, CircuitOpen), guard:
            permit = guard._permit  # type: ignore[attr-defined]
            os.write(log, f"{permit.version} {permit.trial} {os.getpid()}\n".encode())
            if permit.trial and sum(trial for _version, trial, _pid in calls(folder)) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            raise ConnectionError("refused")
        time.sleep(0.005)


def say_goodbye() -> None:
    from resilience.circuits import circuit

    for _ in range(3):
        with contextlib.suppress(ConnectionError), circuit("goodbye").calling():
            raise ConnectionError("refused")


def main(folder: Path) -> None:
    django.setup()
    from resilience.circuits import circuit

    circuit("dead", **LIMITS).call(int)
    children = []
    for _ in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            try:
                work(folder)
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    child = multiprocessing.get_context("fork").Process(target=say_goodbye)
    child.start()
    child.join()
    say_goodbye()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
