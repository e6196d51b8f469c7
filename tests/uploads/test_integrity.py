"""What arrives is digested with the commit that covers it, and bytes that rot before or after the inspection are found."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.db.models.functions import Now
from django.utils import timezone

from resilience import recovery
from tests.factories import make_user
from tests.uploads.client import patch, patch_line
from uploads.integrity import verify
from uploads.integrity.chain import Segment, first_link, next_link
from uploads.integrity.compare import blocks_of_path, compare
from uploads.integrity.record import Move, move_and_record, prune_segments, recorded
from uploads.models import SessionState, UploadSegment, UploadSession, VideoState
from uploads.selectors import source_path
from uploads.services.commit import Fenced, commit_offset
from uploads.services.create import Created, create_upload
from uploads.services.inspect import inspect_upload
from uploads.services.lease import take_lease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


def made(length: int = 10) -> Created:
    return create_upload(owner=make_user(), length=length, file_name="a.bin", declared_type="")


def arrived(data: bytes = b"0123456789", *, announced: int | None = None, parts: int = 2) -> UploadSession:
    """Send bytes in so many PATCHes."""
    created = made(announced or len(data))
    step = -(-len(data) // parts)

    async def send() -> None:
        for start in range(0, len(data), step):
            assert (await patch(f"/files/{created.secret}", start, data[start : start + step])).status == 204

    asyncio.run(send())
    created.session.refresh_from_db()
    return created.session


def rot(session: UploadSession, at: int) -> None:
    path = source_path(session)
    data = bytearray(path.read_bytes())
    data[at] ^= 0x01
    path.write_bytes(data)


def inspected(session: UploadSession) -> UploadSession:
    inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    return session


def held(session: UploadSession) -> None:
    """The rows of a session tie its stored bytes together without a gap."""
    committed, head, segments = recorded(session)
    assert [segment.start for segment in segments] == [0, *(segment.end for segment in segments[:-1])]
    assert segments[-1].end == committed
    assert head == segments[-1].chain
    compared = compare(session, blocks_of_path(source_path(session), lambda: None))
    assert (compared.damage, compared.covered) == (None, committed)
    assert compared.sha256 == hashlib.sha256(source_path(session).read_bytes()).hexdigest()


def test_each_commit_adds_its_segment_to_the_chain() -> None:
    session = arrived(b"0123456789", announced=12, parts=3)
    assert list(session.segments.order_by("start").values_list("start", "length")) == [(0, 4), (4, 4), (8, 2)]
    held(session)


def test_checkpoints_within_one_request_are_segments_of_their_own(settings: Any) -> None:
    settings.UPLOAD_CHECKPOINT_BYTES = 3 * 2**20
    created, data = made(10 * 2**20), os.urandom(10 * 2**20)

    async def send() -> None:
        line = patch_line(f"/files/{created.secret}", 0, length=len(data))
        for start in range(0, len(data), 2**18):
            line.send(data[start : start + 2**18], more=start + 2**18 < len(data))
        assert (await line.finish()).status == 204

    asyncio.run(send())
    assert created.session.segments.count() > 1
    created.session.refresh_from_db()
    held(created.session)


def test_a_dropped_line_keeps_a_chain_to_go_on_with() -> None:
    created = made(10)

    async def send() -> None:
        line = patch_line(f"/files/{created.secret}", 0, length=10)
        line.send(b"0123")
        line.drop()
        await line.finish()
        assert (await patch(f"/files/{created.secret}", 4, b"456789")).status == 204

    asyncio.run(send())
    created.session.refresh_from_db()
    assert created.session.segments.count() == 2
    held(created.session)


def segment_of(session: UploadSession, data: bytes, *, start: int = 0, length: int | None = None) -> Segment:
    digest, size = hashlib.sha256(data).hexdigest(), len(data) if length is None else length
    return Segment(start, size, digest, next_link(first_link(session.public_id), digest=digest, start=start, length=size))


def test_a_segment_and_its_offset_are_written_both_or_neither() -> None:
    session = made().session
    right = Move(session.pk, session.epoch, old=0, new=5, whole=False, last=True, segment=segment_of(session, b"01234"))
    with pytest.raises(IntegrityError):
        move_and_record([replace(right, segment=segment_of(session, b"01234", length=0))])
    assert not move_and_record([replace(right, old=1)])
    assert (recorded(session)[0], UploadSegment.objects.count()) == (0, 0)
    assert [moved.size for moved in move_and_record([right])] == [5]
    assert recorded(session) == (5, segment_of(session, b"01234").chain, [segment_of(session, b"01234")])


@pytest.mark.parametrize("new", [5, 10])
def test_a_commit_whose_answer_was_lost_is_repeated_without_a_second_segment_and_a_fenced_one_adds_none(new: int) -> None:
    session = made().session
    lease = take_lease(session.pk)
    assert lease is not None
    segment = segment_of(session, b"0123456789"[:new])
    for _ in range(2):
        commit_offset(lease, old=0, new=new, last=True, segment=segment)
    assert session.segments.count() == 1
    UploadSession.objects.filter(pk=session.pk).update(state=SessionState.RECEIVING, committed=0, epoch=lease.epoch + 1)
    session.segments.all().delete()
    with pytest.raises(Fenced):
        commit_offset(lease, old=0, new=new, last=True, segment=segment)
    assert not session.segments.exists()


def test_a_file_that_is_as_it_arrived_is_accepted_with_its_digest() -> None:
    session = inspected(arrived())
    assert (session.state, session.sha256) == (SessionState.ACCEPTED, hashlib.sha256(b"0123456789").hexdigest())


@pytest.mark.parametrize("accept", ["*", "media"])
def test_a_byte_that_rots_before_the_inspection_is_our_fault_and_not_the_files(accept: str, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    session = arrived()
    settings.UPLOAD_ACCEPT = accept
    rot(session, 7)
    session = inspected(session)
    assert (session.state, session.error_code, session.sha256) == (SessionState.CORRUPT, "UPLOAD_CORRUPT", "")
    session.video.refresh_from_db()
    assert (session.video.state, session.video.error_code) == (VideoState.NEEDS_NEW_FILE, "UPLOAD_CORRUPT")
    assert [record.levelno for record in caplog.records if "upload.corrupt" in str(record.msg)] == [logging.ERROR]
    assert source_path(session).exists()  # kept for a look


def test_segments_go_when_the_digest_of_the_whole_is_known_or_the_bytes_are_gone() -> None:
    kept = [arrived(announced=12), arrived()]
    accepted, corrupt, old = inspected(arrived()), arrived(), arrived()
    UploadSession.objects.filter(pk__in=[corrupt.pk, old.pk]).update(state=SessionState.CORRUPT, ended_at=Now())
    UploadSession.objects.filter(pk=old.pk).update(ended_at=Now() - timedelta(days=8))
    assert prune_segments(dry_run=True) == 4
    assert prune_segments() == 4
    assert prune_segments() == 0
    left = set(UploadSegment.objects.values_list("session_id", flat=True))
    assert left == {session.pk for session in [*kept, corrupt]}
    assert not accepted.segments.exists()
    assert "uploads.segments" in {part.name for part in recovery.run_all(dry_run=True)}


def verified(**options: Any) -> tuple[dict[str, Any], int]:
    """Return the report and the exit code of the command."""
    out = StringIO()
    try:
        call_command("verify_uploads", json=True, stdout=out, **options)
    except CommandError as error:
        return json.loads(out.getvalue()), error.returncode
    return json.loads(out.getvalue()), 0


def test_verifying_says_nothing_against_what_is_right() -> None:
    arrived(announced=12), arrived(), inspected(arrived())
    prune_segments()
    report, code = verified()
    assert code == 0
    assert (report["uploads"], report["bytes"], report["unchained"], report["differences"]) == (3, 30, 0, [])


def _shorter(session: UploadSession) -> None:
    os.truncate(source_path(session), 3)


def _gone(session: UploadSession) -> None:
    source_path(session).unlink()


@pytest.mark.parametrize(
    ("harm", "fault", "start"), [(lambda session: rot(session, 7), "changed", (5, 0)), (_shorter, "missing", (3, 3)), (_gone, "missing", (0, 0))]
)
def test_verifying_finds_what_differs_ends_what_can_be_sent_again_and_exits_with_an_error(
    harm: Callable[[UploadSession], None], fault: str, start: tuple[int, int]
) -> None:
    unfinished, accepted, right = arrived(announced=12), inspected(arrived()), arrived()
    harm(unfinished)
    harm(accepted)
    report, code = verified(dry_run=True)
    assert (code, report["dry_run"]) == (1, True)
    found = {difference["upload"]: difference for difference in report["differences"]}
    assert {key: (value["fault"], value["start"], value["marked"]) for key, value in found.items()} == {
        unfinished.public_id: (fault, start[0], False),
        accepted.public_id: (fault, start[1], False),
    }
    unfinished.refresh_from_db()
    assert unfinished.state == SessionState.RECEIVING
    report, code = verified()
    assert (code, [difference["marked"] for difference in report["differences"]]) == (1, [True, False])
    states = dict(UploadSession.objects.values_list("pk", "state"))
    assert states == {unfinished.pk: "corrupt", accepted.pk: "accepted", right.pk: "received"}
    report, code = verified()
    assert (code, [difference["upload"] for difference in report["differences"]]) == (1, [accepted.public_id])


def test_verifying_can_be_bounded_and_goes_on_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "BATCH", 2)
    sessions = [arrived() for _ in range(5)]
    assert verified()[0]["uploads"] == 5
    assert verified(limit=3)[0]["uploads"] == 3
    UploadSession.objects.filter(pk__in=[session.pk for session in sessions[:4]]).update(updated_at=Now() - timedelta(days=3))
    assert verified(since=timezone.now() - timedelta(days=1))[0]["uploads"] == 1


@pytest.mark.parametrize(("option", "value"), [("--since", "yesterday"), ("--limit", "0"), ("--limit", "-1")])
def test_verifying_refuses_options_it_cannot_read(option: str, value: str) -> None:
    with pytest.raises(CommandError):
        call_command("verify_uploads", option, value)


def test_an_upload_that_ends_while_it_is_read_is_no_difference(monkeypatch: pytest.MonkeyPatch, upload_dir: Path) -> None:
    session = arrived(announced=12)

    def ends_first(self: Any, key: str) -> int:
        UploadSession.objects.filter(pk=session.pk).update(state=SessionState.ABORTED, ended_at=Now())
        return 0

    monkeypatch.setattr(type(verify.store()), "size", ends_first)
    report, code = verified()
    assert (code, report["gone"], report["differences"]) == (0, 1, [])


def test_verifying_tells_people_too() -> None:
    rot(arrived(announced=12), 2)
    out = StringIO()
    with pytest.raises(CommandError, match="1 uploads differ"):
        call_command("verify_uploads", "--since", "2020-01-31", stdout=out)
    assert "5 bytes from 0 are changed; ended as corrupt." in out.getvalue()
