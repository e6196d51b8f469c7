"""A process that counts: `python -m tests.watching.counting FOLDER THING`. Tests kill it, fork it and starve it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from django.conf import settings

settings.configure(METRICS_DIR=sys.argv[1])

from resilience.metrics import counter, gauge, histogram  # noqa: E402

THINGS = counter("holdfast_test_things_total", "Things.", ["kind"])
BUSY = gauge("holdfast_test_busy", "Busy.")
MOST = gauge("holdfast_test_most", "Most.", across="max")
TOOK = histogram("holdfast_test_took_seconds", "Took.", buckets=(0.1, 1.0))


def count(things: float = 1.0) -> None:
    THINGS.labels("a").inc(things)
    BUSY.inc()
    MOST.set(things)
    TOOK.observe(0.5)


def say(word: str) -> None:
    print(word, flush=True)


def stay() -> None:
    """Count, and live until killed."""
    count()
    say("counted")
    signal.pause()


def killed() -> None:
    count(3)
    os.kill(os.getpid(), signal.SIGKILL)


def quick() -> None:
    """Processes that end as workers are recycled: without a farewell."""
    for _number in range(30):
        _in_child(count)
    say("done")


def fork() -> None:
    """Fork while another thread holds every lock there is; the child counts what is its own."""
    from resilience.metrics.store import store

    count(10)
    held = threading.Event()

    def hold() -> None:
        with store.lock, THINGS._lock:
            held.set()
            threading.Event().wait()

    threading.Thread(target=hold, daemon=True).start()
    held.wait()
    say(str(_in_child(count)))
    os._exit(0)


def _in_child(function: Any) -> int:
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # a child that waits for a lock nobody gives back is told by its status
        function()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    signal.alarm(120)  # nobody is left behind by a test that was killed itself
    globals()[sys.argv[2]]()
