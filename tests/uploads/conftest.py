from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from knox.models import AuthToken

from tests.factories import make_user
from tests.uploads.client import OFFSET_TYPE, Answer, Create, request
from tests.uploads.inspecting import Give, giver
from tests.uploads.server import Server, metadata
from uploads.append import body
from uploads.services.create import Created, create_upload


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


@pytest.fixture
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def upload() -> Callable[..., Created]:
    def make(length: int = 10, *, name: str = "file.bin") -> Created:
        return create_upload(owner=make_user(), length=length, file_name=name, declared_type="")

    return make


@pytest.fixture
def token() -> str:
    return str(AuthToken.objects.create(make_user())[1])


@pytest.fixture
def create(token: str) -> Create:
    async def post(length: int | str = 10, *, body: bytes = b"", name: str = "file.bin", **headers: str) -> Answer:
        given = {"Upload_Length": str(length), "Upload_Metadata": metadata(filename=name), "Authorization": f"Token {token}"}
        if body:
            given["Content_Type"] = OFFSET_TYPE
        return await request("POST", "/files/", body=body, **given | headers)

    return post


@pytest.fixture
def give() -> Give:
    return giver()
