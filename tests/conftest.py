from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Settings that only make tests quicker. Whole systems (tests/stack) run with the real ones."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"  # no hashed names: nothing is collected
    settings.READINESS_AHEAD = False
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


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
