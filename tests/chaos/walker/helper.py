"""`python -m tests.chaos.walker.helper`: forks one life for each order it reads, and says how it ended. Has no threads and no connection."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
import traceback

LONGEST_LIFE_SECONDS = 300.0


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    connections.close_all()
    import config.asgi  # noqa: F401 - all that a life needs is read before the first fork

    from . import life

    gc.freeze()  # what is shared stays shared
    print("ready", flush=True)
    for line in sys.stdin:
        print(_one(json.loads(line), life.live), flush=True)


def _one(order: dict, live) -> int:  # type: ignore[no-untyped-def, type-arg]
    child = os.fork()
    if child == 0:
        try:
            output = os.open(f"{order['folder']}/output", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os._exit(live(order))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    return _end_of(child)


def _end_of(child: int) -> int:
    """Return its exit code; one that hangs is killed, and its code is that of the signal."""
    deadline = time.monotonic() + LONGEST_LIFE_SECONDS
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.01)


if __name__ == "__main__":
    main()
