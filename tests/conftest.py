from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

# Fixtures of the whole suite: imported where they are used, each module would start servers of its own.
from tests.emulator import emulator, emulator_server  # noqa: F401
from tests.renditions import renditions_in_s3  # noqa: F401
from tests.s3 import s3, s3_server  # noqa: F401


def pytest_configure(config: pytest.Config) -> None:
    """Settings that only make tests quicker. Whole systems (tests/stack) run with the real ones."""
    from django.conf import settings

    from tests import quick_flush

    quick_flush.install()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"  # no hashed names: nothing is collected
    settings.READINESS_AHEAD = False
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """With `--dist loadscope`: what shares a running system stays in one process."""
    if config.getoption("dist") != "loadscope":
        return None
    from tests.side_by_side import BySystem

    return BySystem(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The order is another one every time; with this it is the same again."""
    if config.pluginmanager.hasplugin("randomly"):
        terminalreporter.write_line(f"Order and chance: -p randomly --randomly-seed={config.getoption('randomly_seed')}")


@pytest.fixture(autouse=True)
def _no_memory_of_circuits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test meets circuits as a new process does: what the last one's rows said is rolled back with them."""
    from tests.circuits import new_process

    with new_process(monkeypatch):
        yield


@pytest.fixture(autouse=True)
def _no_memory_of_policies() -> None:
    """The same for what operators set and paused, rolled back with the last test, and for the retries a process has left."""
    from resilience.tasks import budget, policies

    policies._CACHE.__init__()
    budget.forget()


@pytest.fixture(autouse=True)
def _no_memory_of_readings() -> None:
    """And for what a process looked at a moment ago and takes for true a little longer: drains, readiness, and how much of everybody's room is used."""
    from resilience import draining
    from resilience.watching import readiness
    from uploads.limits import reserve

    draining.forget()
    readiness.forget()
    reserve._readings.clear()
