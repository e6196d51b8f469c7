"""Many plain uploads begun at once: the file first, then all rows of all of them with one commit.

Plain is what nearly every upload is: a whole file or a part of one, kept on disk, that nothing else is to be looked up for. All others go by
`create_upload`, one at a time.

The order here is file, rows, answer. Each may be the last thing this process does:
- Dying after the file is made leaves a file that no row names; nobody has heard of it, and the reaper takes it after an hour.
- The rows say `receiving` at once, since the file they name is durable before they are sent: no row is ever without its file, and an
  address is told only after the commit that has its row, its token, its video and its first event.
- When the commit's answer is lost the file stays, for a row may name it. Then nobody was told the address, and the upload expires.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from resilience.errors import AppError
from resilience.faults import point
from resilience.ids import opaque_id
from resilience.statements import fetch
from resilience.transactions import retried
from uploads.limits.reserve import reserve_many
from uploads.models import ResumeToken, SessionState, UploadRole, UploadSession, Video, VideoState
from uploads.services.clean import title_of
from uploads.services.rows import insert_columns, new_row, session_columns, session_of
from uploads.services.tokens import SCOPES, hash_secret, lives
from uploads.signals import VideoChange, videos_changed
from uploads.together import Call, together

_VIDEO = insert_columns(Video, but=())
_SESSION = insert_columns(UploadSession, but=("video_id", "expires_at"))
_TOKEN = insert_columns(ResumeToken, but=("session_id", "expires_at", "absolute_expires_at"))
_BEGIN = f"""
WITH videos AS (
    INSERT INTO uploads_video ({", ".join(_VIDEO)})
    SELECT {", ".join(_VIDEO)} FROM json_populate_recordset(NULL::uploads_video, %s::json)
    RETURNING id, public_id
), begun AS (
    INSERT INTO uploads_uploadsession ({", ".join(_SESSION)}, video_id, expires_at)
    SELECT {", ".join(f"s.{name}" for name in _SESSION)}, v.id, statement_timestamp() + make_interval(secs => %s)
      FROM json_populate_recordset(NULL::uploads_uploadsession, %s::json) s
      JOIN json_to_recordset(%s::json) AS pair (upload text, video text) ON pair.upload = s.public_id
      LEFT JOIN videos v ON v.public_id = pair.video
    RETURNING *
), tokens AS (
    INSERT INTO uploads_resumetoken ({", ".join(_TOKEN)}, session_id, expires_at, absolute_expires_at)
    SELECT {", ".join(f"t.{name}" for name in _TOKEN)}, begun.id,
           statement_timestamp() + make_interval(secs => %s), statement_timestamp() + make_interval(secs => %s)
      FROM json_populate_recordset(NULL::uploads_resumetoken, %s::json) t
      JOIN json_to_recordset(%s::json) AS pair (upload text, token_hash text) ON pair.token_hash = t.token_hash
      JOIN begun ON begun.public_id = pair.upload
)
SELECT {session_columns("begun")} FROM begun
"""  # noqa: S608 - the names of our own columns


@dataclass(frozen=True, slots=True)
class Plain:
    """An upload to begin, every text as it is to be kept; its file is there. A part has no video."""

    public_id: str
    owner_id: int
    length: int | None
    file_name: str
    declared_type: str
    fingerprint: str
    metadata: str
    role: UploadRole
    protocol: str
    promised_digest: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A session ready to receive, the secret of its token, which is told once, and its video's public id ("" for a part)."""

    session: UploadSession
    secret: str
    video: str


def _begin_many(calls: Sequence[Call]) -> list[Begun | AppError]:
    """Answer calls of `begin_upload`."""
    plans: list[Plain] = [call.args[0] for call in calls]
    answers = _reserve_and_insert(plans, calls)
    point("uploads.begin.committed")
    return answers


@retried(joins=True)
def _reserve_and_insert(plans: Sequence[Plain], calls: Sequence[Call]) -> list[Begun | AppError]:
    refusals = reserve_many([(plan.owner_id, plan.length or 0) for plan in plans])
    going = [(plan, call.request_id) for plan, call, refusal in zip(plans, calls, refusals, strict=True) if refusal is None]
    begun = _insert(going) if going else {}
    point("uploads.begin.inserted")
    return [begun[plan.public_id] if refusal is None else refusal for plan, refusal in zip(plans, refusals, strict=True)]


@together(_begin_many)
def begin_upload(plan: Plain) -> Begun:
    """Insert video, session, token and first event of an upload whose file was just made.

    Raises:
        QuotaReached, DailyReached, TooManyOpen, ServiceFull, ServiceDailyReached, ServiceBusy: a limit is reached; no row was inserted.
    """
    answer = _begin_many([Call((plan,), {}, "")])[0]
    if isinstance(answer, AppError):
        raise answer
    return answer


def _insert(going: Sequence[tuple[Plain, str]]) -> dict[str, Begun]:
    """Insert everything of these uploads; return them by their public ids."""
    told = {plan.public_id: (f"upt_{secrets.token_urlsafe(32)}", "" if plan.role == UploadRole.PART else opaque_id("vid")) for plan, _request in going}
    videos = {told[plan.public_id][1]: _video_row(plan, told[plan.public_id][1]) for plan, _request in going if told[plan.public_id][1]}
    hashes = {public_id: hash_secret(secret) for public_id, (secret, _video) in told.items()}
    sliding, absolute = lives()
    rows = fetch(
        _BEGIN,
        json.dumps(list(videos.values())),
        settings.UPLOAD_EXPIRY_SECONDS,
        json.dumps([_session_row(plan, request_id) for plan, request_id in going]),
        json.dumps([{"upload": public_id, "video": video} for public_id, (_secret, video) in told.items()]),
        sliding.total_seconds(),
        absolute.total_seconds(),
        json.dumps([new_row(ResumeToken, token_hash=known, scopes=SCOPES) for known in hashes.values()]),
        json.dumps([{"upload": public_id, "token_hash": known} for public_id, known in hashes.items()]),
    )
    sessions = {session.public_id: session for session in map(session_of, rows)}
    _tell(sessions, {public_id: videos[video] for public_id, (_secret, video) in told.items() if video})
    return {public_id: Begun(sessions[public_id], *kept) for public_id, kept in told.items()}


def _video_row(plan: Plain, public_id: str) -> dict[str, Any]:
    return new_row(Video, public_id=public_id, owner_id=plan.owner_id, title=title_of(plan.file_name))


def _session_row(plan: Plain, request_id: str) -> dict[str, Any]:
    given = {name: getattr(plan, name) for name in Plain.__slots__}
    return new_row(UploadSession, **given, storage_key=plan.public_id, state=SessionState.RECEIVING, request_id=request_id)


def _tell(sessions: dict[str, UploadSession], videos: dict[str, dict[str, Any]]) -> None:
    changes = [
        VideoChange(
            pk=session.video_id,
            public_id=videos[public_id]["public_id"],
            owner_id=session.owner_id,
            title=videos[public_id]["title"],
            state=VideoState.RECEIVING,
            version=0,
            before="",
            received=None,
            request_id=session.request_id,
        )
        for public_id, session in sessions.items()
        if session.video_id is not None
    ]
    if changes:
        videos_changed.send(sender=Video, changes=changes)
