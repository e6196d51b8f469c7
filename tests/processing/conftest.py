from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_work(settings: Any, tmp_path: Path) -> None:
    """A working folder of its own for each test."""
    settings.WORK_DIR = tmp_path / "work"
