"""Fault points: nothing unless armed; armed, exactly what the plan says and where. Their names and the list of them are kept straight."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from resilience import checks, faults
from resilience.faults import point
from tests import points


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    faults.disarm()
    yield
    faults.disarm()


# Forks from a process without threads, and tells how each child has ended; one that was stopped is then killed.
ENDS = """
import os, signal, sys
from resilience import faults
for plan in sys.argv[1:]:
    if (child := os.fork()) == 0:
        faults.arm(plan)
        for name in ("a.b.c", "a.b.d", "a.b.c"):
            faults.point(name)
        os._exit(0)
    _, status = os.waitpid(child, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    print("stopped" if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status))
"""
PLANS = {
    "": "0", "die@1": "137", "die@3": "137", "die@4": "0", "die@a.b.d": "137", "die@a.b.c:2": "137", "die@a.b.d:2": "0", "die@x.y.z": "0",
    "stop@2": "stopped", "die@seed=7/1": "137",
}  # fmt: skip


def walk() -> None:
    for name in ("a.b.c", "a.b.d", "a.b.c"):
        point(name)


def test_a_point_does_nothing_unless_armed() -> None:
    walk()
    assert not faults.is_armed()


def test_a_process_ends_where_the_plan_says() -> None:
    done = subprocess.run([sys.executable, "-c", ENDS, *PLANS], cwd=points.ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert dict(zip(PLANS, done.stdout.split(), strict=True)) == PLANS


def test_a_fault_acts_once_and_the_same_pass_can_raise_what_was_asked_for() -> None:
    with faults.armed("raise=OSError:28@a.b.c:2, raise=django.db.OperationalError@a.b.d"):
        point("a.b.c")
        with pytest.raises(OperationalError):
            point("a.b.d")
        with pytest.raises(OSError, match="No space left") as full:
            point("a.b.c")
        assert full.value.errno == 28
        walk()
    assert not faults.is_armed()


def test_a_sleeping_point_goes_on_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    with faults.armed("sleep=2.5@a.b.d"):
        walk()
    assert slept == [2.5]


def test_the_same_seed_acts_at_the_same_passes() -> None:
    def hits(seed: int) -> list[int]:
        found = []
        with faults.armed(f"raise=ValueError@seed={seed}/5"):
            for number in range(100):
                try:
                    point("a.b.c")
                except ValueError:
                    found.append(number)
        return found

    assert hits(1) == hits(1) != hits(2)
    assert hits(1)


def test_what_was_passed_is_appended_to_the_record(tmp_path: Path) -> None:
    record = tmp_path / "passed"
    for _ in range(2):
        with faults.armed(record=str(record)):
            walk()
    assert record.read_text().split() == ["a.b.c", "a.b.d", "a.b.c"] * 2


@pytest.mark.parametrize(
    "plan", ["die", "die@", "die@0", "jump@1", "sleep=x@1", "raise=NoSuchError@1", "raise=os.path@1", "die=3@1", "die@nowhere", "die@seed=1/0"]
)
def test_a_plan_that_cannot_be_read_says_so(plan: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="FAULTS"):
        faults.arm(plan)
    assert not faults.is_armed()


def test_the_environment_arms_a_process_but_never_in_production(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    assert checks.no_faults(None) == []
    monkeypatch.setenv("FAULTS", "raise=ValueError@a.b.c")
    faults.arm_by_environment(production=True)
    point("a.b.c")
    settings.PRODUCTION = True
    (error,) = checks.no_faults(None)
    assert error.id == "resilience.E020"
    faults.arm_by_environment(production=False)
    with pytest.raises(ValueError, match="injected"):
        point("a.b.c")


def test_a_real_process_is_armed_by_its_environment() -> None:
    asks = [sys.executable, "-c", "import django; django.setup(); from resilience.faults import point; point('a.b.c'); print('alive')"]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "FAULTS": "die@a.b.c"}
    done = subprocess.run(asks, cwd=points.ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (137, "")


def test_every_point_has_one_name_of_its_own_which_can_be_found_by_searching() -> None:
    found = points.in_code()
    assert [place for name, place in found if points.NAME.fullmatch(name) is None] == [], "written as a literal of three parts"
    assert [name for name, count in Counter(name for name, _ in found).items() if count > 1] == []


def test_the_list_of_points_is_the_code_s() -> None:
    assert sorted(points.in_docs()) == sorted(name for name, _ in points.in_code())
