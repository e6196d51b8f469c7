"""A file joined from parts is held against what arrived as those parts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from knox.models import AuthToken

from tests.factories import make_user
from tests.uploads.client import patch, request
from tests.uploads.server import metadata
from uploads.integrity.compare import blocks_of_path, compare
from uploads.models import SessionState, UploadRole, UploadSession
from uploads.selectors import source_path
from uploads.services.inspect import inspect_upload
from uploads.threads import database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


def joined(*, rot: bool) -> UploadSession:
    """Two parts, the first in two requests and used twice; `rot`: a byte of it changes in our storage before they are joined."""
    key = {"Authorization": f"Token {AuthToken.objects.create(make_user())[1]}"}

    def harm() -> None:
        path: Path = source_path(UploadSession.objects.get(role=UploadRole.PART, length=6))
        path.write_bytes(b"hellO ")

    async def go() -> None:
        paths = []
        for pieces in ((b"hel", b"lo "), (b"world",)):
            made = await request("POST", "/files/", Upload_Length=str(sum(map(len, pieces))), Upload_Concat="partial", **key)
            paths.append(made.headers["location"])
            offset = 0
            for piece in pieces:
                offset = (await patch(paths[-1], offset, piece)).offset
        if rot:
            await database(harm)
        final = "final;" + " ".join([*paths, paths[0]])
        assert (await request("POST", "/files/", Upload_Concat=final, Upload_Metadata=metadata(filename="a.bin"), **key)).status == 201

    asyncio.run(go())
    return UploadSession.objects.get(role=UploadRole.JOINED)


def test_it_takes_the_segments_of_its_parts_over() -> None:
    session = joined(rot=False)
    assert list(session.segments.order_by("start").values_list("start", "length")) == [(0, 3), (3, 3), (6, 5), (11, 3), (14, 3)]
    found = compare(session, blocks_of_path(source_path(session), lambda: None))
    assert (found.damage, found.covered) == (None, 17)
    inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    assert session.state == SessionState.ACCEPTED


def test_a_byte_that_rots_in_a_part_is_found_in_the_whole() -> None:
    session = joined(rot=True)
    inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    assert (session.state, session.error_code) == (SessionState.CORRUPT, "UPLOAD_CORRUPT")
