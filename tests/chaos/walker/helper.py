"""`python -m tests.chaos.walker.helper`: forks one life for each order it reads, and says how it ended. Has no threads and no connection."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback


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
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
