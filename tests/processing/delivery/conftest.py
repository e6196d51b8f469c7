from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages

from tests.renditions import use


@pytest.fixture(params=["disk", "s3"])
def either_store(request: pytest.FixtureRequest, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with renditions on disk, and once more with them in S3. Both begin empty."""
    if request.param == "s3":
        use(request.getfixturevalue("s3_server"), settings, monkeypatch)
    else:
        settings.STORAGES = settings.STORAGES | {"default": settings.STORAGES["default"] | {"OPTIONS": {"location": tmp_path / "renditions"}}}
        assert str(storages["default"].location) == str(tmp_path / "renditions")
    return str(request.param)
