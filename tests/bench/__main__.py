"""`make bench`: every part, or those named (`python -m tests.bench circuits tasks`, or BENCH_PARTS=circuits,tasks). Prints figures, judges nothing.

Each part is a module that runs by itself, in a process of its own with a private PostgreSQL, so that none warms or burdens the next.
BENCH_SCALE (1.0) makes all of them smaller or larger; what else a part reads from the environment, its module says.
"""

from __future__ import annotations

import os
import subprocess
import sys

# In the order in which they run. To add one: a module that ends in `part.run(main)` (tests/bench/part.py), and a line here.
PARTS = {
    "uploads": "tests.bench.beside_others",
    "tasks": "tests.bench.tasks",
    "cache": "tests.bench.cache",
    "claims": "tests.bench.claim",
    "circuits": "tests.bench.circuits",
    "pipeline": "tests.bench.pipeline",
    "refusals": "tests.bench.refusals",
    "mediaconvert": "tests.bench.mediaconvert",
}


def chosen(arguments: list[str]) -> list[str]:
    """Return the names of the parts to run.

    Raises:
        SystemExit: a name is not one of ours.
    """
    names = arguments or [name for name in os.environ.get("BENCH_PARTS", "").split(",") if name] or list(PARTS)
    for name in names:
        if name not in PARTS:
            raise SystemExit(f"The parts are {', '.join(PARTS)}; {name!r} is none of them.")
    return names


def main(arguments: list[str]) -> int:
    failed = []
    for name in chosen(arguments):
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", PARTS[name]], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nThese did not come to their end: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
