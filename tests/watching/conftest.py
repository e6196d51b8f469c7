from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resilience.metrics.store import store


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A folder of metrics nobody else counts in. This process begins anew in it, as a forked child does, and afterwards in its own again."""
    settings.METRICS_DIR = tmp_path / "metrics"
    store.after_fork()
    yield tmp_path / "metrics"
    store.after_fork()
