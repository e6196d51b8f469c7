"""`make test` and `make chaos`: pytest in two passes, then the coverage of both together.

Both run in two processes. The first moves single tests to whoever has nothing left to do; in the second, which starts whole systems and a
browser, tests that share a running system stay together.
Arguments go to a single pytest run instead: `make test ARGS="tests/uploads -k token"`.
"""

from __future__ import annotations

import subprocess
import sys

MINIMUM_BRANCH_COVERAGE = 85
HEAVY = "stack or browser"


def pytest(*arguments: str) -> int:
    print("$ pytest", *arguments, flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


def coverage(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], check=False).returncode


def main(arguments: list[str]) -> int:
    if arguments == ["--chaos"]:
        return pytest("-q", "-m", "chaos", "tests/chaos")
    if arguments:
        return pytest(*arguments)
    coverage("erase")
    light = pytest("-q", "-n", "2", "--dist", "worksteal", "-m", f"not ({HEAVY} or chaos)", "--cov", "--cov-report=")
    heavy = pytest("-q", "-n", "2", "--dist", "loadscope", "-m", f"({HEAVY}) and not chaos", "--cov", "--cov-append", "--cov-report=")
    report = coverage("report", "--skip-covered", "--skip-empty", f"--fail-under={MINIMUM_BRANCH_COVERAGE}")
    return light or heavy or report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
