from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(params=["disk", "s3"])
def stores(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> None:
    """The test runs over both stores."""
    settings.UPLOAD_DIR = tmp_path / "uploads"
    if request.param == "s3":
        request.getfixturevalue("s3")
