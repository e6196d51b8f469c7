"""A test run that is ended from outside leaves nothing: no server, no folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
OURS = ("HOLDFAST_TEST_DIR", "DATABASE_URL", "VAR_DIR", "PROFILE", "LOG_LEVEL", "PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS", "COV_CORE_DATAFILE")
SLEEPER = """
import pathlib, time

def test_sleep():
    pathlib.Path({started!r}).touch()
    time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="holdfast-ended-"))
    made.chmod(0o755)  # the server may run as another system user
    yield made
    shutil.rmtree(made, ignore_errors=True)


def servers_in(folder: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["cmdline"]) if any(str(folder) in word for word in process.info["cmdline"] or [])]


def sleeping_run(folder: Path) -> subprocess.Popen[bytes]:
    """A run whose only test sleeps; what it makes is in `folder`/tmp."""
    temporary, test = folder / "tmp", folder / "test_sleep.py"
    for made in (folder, temporary):
        made.mkdir()
        made.chmod(0o755)
    test.write_text(SLEEPER.format(started=str(folder / "started")))
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider", str(test)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=hear_interrupts
    )


def hear_interrupts() -> None:
    """A run begun in the background of a shell without job control ignores SIGINT, and so does whatever it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end(run: subprocess.Popen[bytes], folder: Path, how: signal.Signals) -> str:
    """End a run once its test sleeps; return what it printed."""
    deadline = time.monotonic() + 60
    while not (folder / "started").exists():
        assert run.poll() is None, run.communicate()[0].decode()
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.05)
    assert servers_in(folder / "tmp"), "there is a server to be left behind"
    run.send_signal(how)
    return run.communicate(timeout=60)[0].decode()


def test_a_run_that_is_ended_takes_away_what_it_made(folder: Path) -> None:
    runs = {how: sleeping_run(folder / how.name) for how in (signal.SIGTERM, signal.SIGINT)}
    try:
        for how, run in runs.items():
            assert "KeyboardInterrupt" in end(run, folder / how.name, how)
            temporary = folder / how.name / "tmp"
            assert servers_in(temporary) == []
            assert [path.name for path in temporary.iterdir() if path.name.startswith("holdfast-test-")] == []
    finally:
        for run in runs.values():
            if run.poll() is None:
                run.kill()
                run.communicate()
