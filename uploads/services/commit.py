"""The one place where an offset moves. Called only after the bytes are durable; only after it returns may they be acknowledged.

Commits asked for at the same moment go as one transaction (uploads/together.py): each moves by its own compare-and-set, and is
acknowledged only after the commit that has it. Dying before that commit loses all of the batch alike, none of which was acknowledged;
dying after it loses only wake-ups, which the sweep sends again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from resilience.faults import point
from resilience.http.request_ids import current_request_id
from resilience.tasks import enqueue
from resilience.tasks.enqueue import Entry, enqueue_many
from resilience.transactions import retried
from uploads.integrity.chain import Segment
from uploads.integrity.record import Move, Moved, move_and_record
from uploads.models import SessionState, UploadRole, UploadSession, VideoState
from uploads.services.lease import Lease
from uploads.services.videos import Arrival, check_videos, set_video_state
from uploads.store import Placed
from uploads.together import Call, together


class Fenced(Exception):
    """Another writer took over, or the session ended: nothing was committed and nothing may be acknowledged."""


def _commit_many(calls: Sequence[Call]) -> list[datetime | Exception | None]:
    """Answer calls of `commit_offset`."""
    moves = [_move_of(*call.args, **call.kwargs) for call in calls]
    if len({move.session_id for move in moves}) < len(moves):
        raise ValueError("An offset moves once in a statement: two moves of one upload go one after the other.")
    placed: dict[int, Placed] = {move.session_id: call.kwargs["placed"] for move, call in zip(moves, calls, strict=True) if call.kwargs.get("placed")}
    alone = not placed and not any(move.whole for move in moves)  # one statement is its own transaction
    request_ids = {call.args[0].session_id: call.request_id for call in calls}
    ends = _move(moves, {}, {}) if alone else _move_all(moves, placed, request_ids)
    point("uploads.append.after_commit")
    return [ends[move.session_id] if move.session_id in ends else Fenced() for move in moves]


def _move(moves: Sequence[Move], placed: dict[int, Placed], request_ids: dict[int, str]) -> dict[int, datetime | None]:
    """Move what is ours to move. Return when each of those uploads expires; None for one that an earlier call had moved."""
    moved = {row.session_id: row for row in move_and_record(moves)}
    for session_id in moved.keys() & placed.keys():
        placed[session_id].write()
    _hand_over_many([row for row in moved.values() if row.whole], request_ids)
    repeated = _already_there([move for move in moves if move.session_id not in moved])
    point("uploads.append.moved")
    return {row.session_id: row.expires_at for row in moved.values()} | dict.fromkeys(repeated)


_move_all = retried(joins=True)(_move)


@together(_commit_many)
def commit_offset(
    lease: Lease,
    *,
    old: int,
    new: int,
    last: bool,
    interrupted: bool = False,
    segment: Segment | None = None,
    completes: bool | None = None,
    placed: Placed | None = None,
) -> datetime | None:
    """Move the committed offset by compare-and-set; on the last byte of the file, hand it over to inspection in the same transaction.

    Safe to call again with the same arguments when the answer of the first call was lost.

    Args:
        old, new: offsets in bytes; the bytes up to `new` are durable.
        last: True when the writer ends with this commit and gives its lease back.
        interrupted: True when the request ended before its body did; counted as a resume to come.
        segment: digest and chain of the bytes from `old` to `new`, written with the offset; None when they did not come through us.
        completes: True when the file ends at `new`; None lets the length alone say so.
        placed: where the store has put the bytes, written in the same transaction; None where a file holds them all.

    Returns:
        When the upload expires from now on; None when an earlier call had moved the offset.

    Raises:
        Fenced: the lease is no longer ours.
    """
    what = {"old": old, "new": new, "last": last, "interrupted": interrupted, "segment": segment, "completes": completes, "placed": placed}
    answer = _commit_many([Call((lease,), what, current_request_id())])[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


def commit_all(lease: Lease, *, old: int, new: int) -> None:
    """Set the session `received`, its video `checking`, and put the inspection down: all or nothing.

    Raises:
        Fenced: the lease is no longer ours.
    """
    commit_offset(lease, old=old, new=new, last=True, completes=True)


def hand_over(session: UploadSession) -> None:
    """Put the inspection down, inside the transaction that made the session `received`. A part of a file waits for the other parts instead."""
    if session.role == UploadRole.PART:
        return
    if session.role == UploadRole.ATTACHED:
        enqueue("uploads.judge", key=session.public_id, payload={"session_id": session.public_id})
        return
    enqueue("uploads.inspect", key=session.public_id, payload={"session_id": session.public_id})
    # Last: telling takes the owner's lock until the commit, and other uploads of theirs wait for it.
    set_video_state(session.video_id, VideoState.CHECKING, only_from=[VideoState.RECEIVING])


def _hand_over_many(arrived: Sequence[Moved], request_ids: dict[int, str]) -> None:
    """Do what `hand_over` does; for whole files, which nearly all are, with one statement of each kind."""
    whole = [row for row in arrived if row.role == UploadRole.WHOLE]
    for row in arrived:
        if row.role != UploadRole.WHOLE:
            hand_over(UploadSession.objects.get(pk=row.session_id))
    if whole:
        tasks = [Entry(row.public_id, {"session_id": row.public_id}, request_ids[row.session_id]) for row in whole]
        enqueue_many("uploads.inspect", tasks)
        check_videos([Arrival(row.video_id, row.size, request_ids[row.session_id]) for row in whole if row.video_id is not None])


def _move_of(lease: Lease, *, old: int, new: int, last: bool, completes: bool | None = None, **rest: Any) -> Move:
    whole = lease.length is not None and new == lease.length and completes is not False
    return Move(lease.session_id, lease.epoch, old, new, whole, last or whole, not whole and bool(rest.get("interrupted")), rest.get("segment"))


def _already_there(moves: Iterable[Move]) -> set[int]:
    """Return the sessions that stand where these moves would bring them: the commit whose answer was lost did it."""
    asked = Q()
    for move in moves:
        there = Q(pk=move.session_id, epoch=move.epoch, committed=move.new)
        receiving = Q(state=SessionState.RECEIVING)
        asked |= there & (~receiving if move.whole else receiving)
    return set(UploadSession.objects.filter(asked).values_list("pk", flat=True)) if asked else set()
