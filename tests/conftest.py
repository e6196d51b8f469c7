from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Settings that only make tests quicker. Whole systems (tests/stack) run with the real ones."""
    from django.conf import settings

    from tests import quick_flush

    quick_flush.install()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"  # no hashed names: nothing is collected
    settings.READINESS_AHEAD = False
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares a running system stays in one process (`--dist loadgroup`): each is started once, and nothing else meets it."""
    for item in items:
        if item.get_closest_marker("stack") or item.get_closest_marker("browser"):
            shared = "system" if "system" in getattr(item, "fixturenames", ()) else item.nodeid.partition("::")[0]
            item.add_marker(pytest.mark.xdist_group(shared))


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
