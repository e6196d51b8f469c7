from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.uploads.server import Server
from uploads.append import body


@pytest.fixture(autouse=True)
def upload_dir(settings: Any, tmp_path: Path) -> Path:
    settings.UPLOAD_DIR = tmp_path / "uploads"
    return settings.UPLOAD_DIR


@pytest.fixture(autouse=True)
def _no_body_held_for_ever() -> Iterator[None]:
    """However a request ended, what its body held in memory was given back: the process has room for so much and no more."""
    yield
    assert (body._all.held, body._all.bodies) == (0, 0)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A running gunicorn that takes any content; shared by the tests of a module."""
    with Server(os.environ["DATABASE_URL"]) as running:
        yield running
