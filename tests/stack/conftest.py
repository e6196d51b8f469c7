from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack.system import System


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """One running system for all tests that leave it working."""
    with System(UPLOAD_MAX_SIZE="300MiB") as running:
        yield running


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show the system's own logs under a failed test."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    running = getattr(item, "funcargs", {}).get("system")
    if report.when == "call" and report.failed and running is not None:
        report.sections.append(("the system's logs", running.logs()))
