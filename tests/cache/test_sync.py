"""`sync_cache` sees the caches of this host's processes and has them tell the server what waits."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from resilience.cache import sync
from resilience.cache.watching import cache as cache_readiness
from resilience.watching.readiness import State
from tests.cache.conftest import PATIENT_SECONDS, Valkey, until

ROOT = Path(__file__).parent.parent.parent
PROCESS = """
import sys
from config import settings  # noqa
import django; django.setup()
from django.core.cache import cache
for line in sys.stdin:
    print(f'={eval(line)}', flush=True)
"""

pytestmark = pytest.mark.usefixtures("_keepers_end")


@pytest.fixture
def shared(settings: Any, valkey: Valkey) -> Valkey:
    settings.CACHES = {"default": {"BACKEND": "resilience.cache.backend.FailoverCache", "LOCATION": valkey.url, "OPTIONS": {"budget": PATIENT_SECONDS}}}
    return valkey


class Process:
    """Another process of this host that uses the cache."""

    def __init__(self, valkey: Valkey, var_dir: Path) -> None:
        more = {"CACHE_URL": valkey.url, "CACHE_CHECK_SECONDS": "3600", "VAR_DIR": str(var_dir), "DJANGO_SETTINGS_MODULE": "config.settings"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            cwd=ROOT,
            env=os.environ | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def do(self, words: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        for said in self.process.stdout:  # log lines come there too
            if said.startswith("="):
                return said[1:].strip()
        raise AssertionError(f"it has ended: {self.log.read_text()[-3000:]}")


@pytest.fixture
def process(shared: Valkey, tmp_path: Path) -> Iterator[Process]:
    other = Process(shared, tmp_path)
    yield other
    other.process.kill()
    other.process.communicate()


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("sync_cache", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_what_another_process_wrote_while_the_server_was_away_is_told_now(shared: Valkey, process: Process) -> None:
    assert process.do("cache.set('a', 'before', 600)") == "None"
    shared.kill()
    assert process.do("cache.set('a', 'meanwhile', 600)") == "None"
    until(lambda: "1 writes waiting" in run("--dry-run")[1])
    code, out = run("--wait", "0.5")
    assert (code, "The server does not answer" in out) == (1, True)
    shared.start()
    code, out = run("--wait", "60", "--json")
    found = json.loads(out)
    assert (code, found["well"]) == (0, True), out
    assert [(each["pid"], each["state"], each["waiting"]) for each in found["processes"]] == [(process.process.pid, "connected", 0)]
    assert shared.ask("EXISTS", ":1:a") == 1


def test_processes_that_have_ended_are_not_waited_for(shared: Valkey, process: Process, tmp_path: Path) -> None:
    shared.kill()
    process.do("cache.set('a', 1, 600)")
    process.process.kill()
    process.process.wait()
    shared.start()
    code, out = run()
    assert (code, str(process.process.pid) in out) == (0, False), out
    assert not (tmp_path / "run" / "cache" / f"{process.process.pid}.json").exists()


def test_a_cache_of_each_process_needs_no_telling(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    code, out = run()
    assert (code, "of its own" in out) == (0, True)
    assert cache_readiness().state is State.OK


def test_readyz_says_that_a_process_counts_for_itself(shared: Valkey) -> None:
    from django.core.cache import cache

    cache.set("a", 1, 60)
    assert cache_readiness().state is State.OK
    shared.kill()
    cache.set("a", 2, 60)
    found = cache_readiness()
    assert (found.state, "1 writes wait" in found.said) == (State.DEGRADED, True)
    assert sync.standing().is_well is False
