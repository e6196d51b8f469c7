"""Uploads kept in S3 are held against what arrived, too: when they are inspected, and by the command."""

from __future__ import annotations

import asyncio
import json
import os
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.factories import make_user
from tests.s3 import FakeS3, s3, s3_server  # noqa: F401
from uploads.models import SessionState, UploadSession
from uploads.services.create import create_upload
from uploads.services.inspect import inspect_upload
from uploads.store import store

from .client import patch

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 2**20


@pytest.fixture(autouse=True)
def _any_content(settings: Any, s3: FakeS3) -> None:  # noqa: F811
    settings.UPLOAD_ACCEPT = "*"


def arrived(length: int = 7 * MIB, *, send: int | None = None) -> UploadSession:
    created = create_upload(owner=make_user(), length=length, file_name="film.mp4", declared_type="")
    data = os.urandom(length if send is None else send)
    for start in range(0, len(data), 3 * MIB):
        assert asyncio.run(patch(f"/files/{created.secret}", start, data[start : start + 3 * MIB])).status == 204
    created.session.refresh_from_db()
    return created.session


def rot(session: UploadSession, fake: FakeS3) -> None:
    """Change the last byte of the one object that holds this file."""
    store().seal(session.storage_key)
    [name] = [found for found, size in fake.objects().items() if size == session.length]
    body = bytearray(fake.body(name))
    body[-1] ^= 0x01
    fake.client.put_object(Bucket=fake.bucket, Key=name, Body=bytes(body))


def inspected(session: UploadSession) -> UploadSession:
    inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    return session


def verified() -> tuple[dict[str, Any], int]:
    out = StringIO()
    try:
        call_command("verify_uploads", json=True, stdout=out)
    except CommandError as error:
        return json.loads(out.getvalue()), error.returncode
    return json.loads(out.getvalue()), 0


def test_a_byte_that_changes_in_s3_before_the_inspection_is_found(s3: FakeS3) -> None:  # noqa: F811
    session = arrived()
    assert session.segments.count() == 3
    rot(session, s3)
    assert inspected(session).state == SessionState.CORRUPT


def test_the_command_reads_what_is_whole_and_compares_the_size_of_what_is_not(s3: FakeS3) -> None:  # noqa: F811
    accepted, unfinished = inspected(arrived()), arrived(send=4 * MIB)
    assert (accepted.state, unfinished.state) == (SessionState.ACCEPTED, SessionState.RECEIVING)
    report, code = verified()
    assert (code, report["uploads"], report["bytes"], report["unreadable"]) == (0, 2, 7 * MIB, 1)
    rot(accepted, s3)
    report, code = verified()
    assert (code, [(found["upload"], found["fault"], found["marked"]) for found in report["differences"]]) == (1, [(accepted.public_id, "changed", False)])
