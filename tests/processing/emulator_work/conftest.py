"""Services over a moto server, with a film in its bucket."""

from __future__ import annotations

import pytest

from processing.emulator.state import Options
from tests import media
from tests.s3 import FakeS3

from .jobs import Kept


@pytest.fixture
def kept(s3: FakeS3) -> Kept:
    return Kept(Options(s3_endpoint=s3.url))


@pytest.fixture
def quick(s3: FakeS3) -> Kept:
    """Jobs of it are not transcoded: for what has nothing to do with that."""
    return Kept(Options(s3_endpoint=s3.url, fast=True))


@pytest.fixture
def film(s3: FakeS3) -> FakeS3:
    s3.client.upload_file(str(media.clip(seconds=2, width=160, height=90)), s3.bucket, "in/film.mp4")
    return s3
