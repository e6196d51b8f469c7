"""Turn what the lower rooms tell into events and notifications. Runs inside the sender's transaction and only inserts rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from notifications import words
from notifications.models import NotificationKind
from notifications.services.events import Entry, record, record_many
from notifications.services.notify import notify
from processing import signals as processing
from processing.models import Job, RenditionState
from resilience.errors import CATALOGUE
from uploads import signals as uploads
from uploads.models import SessionState, UploadSession, Video, VideoState

CHANGED = "video.changed"
_ENDED = {SessionState.EXPIRED.value: "UPLOAD_EXPIRED", SessionState.CORRUPT.value: "UPLOAD_CORRUPT"}


def page_of(video: Video) -> str:
    return f"/videos/{video.public_id}/"


@receiver(uploads.video_changed)
def tell_state(sender: object, video: Video, before: str = "", **kwargs: Any) -> None:
    state = {"state": video.state, "title": video.title, "version": video.version}
    if video.state == VideoState.CHECKING and before != VideoState.CHECKING:
        session = video.sessions.filter(received_at__isnull=False).order_by("-received_at").first()
        if session is not None and session.length is not None:
            record(user=video.owner, kind=CHANGED, video=video, sentence=words.received(session.length), data=state)
    sentence = words.reached(before, video.state, code=video.error_code, fields=video.error_fields)
    record(user=video.owner, kind=CHANGED, video=video, sentence=sentence, data=state)


@receiver(uploads.videos_changed)
def tell_states(sender: object, changes: Sequence[uploads.VideoChange], **kwargs: Any) -> None:
    """The same for several at once, whose uploads began or arrived."""
    told = [(change, sentence) for change in changes for sentence in _sentences(change)]
    record_many(
        [
            Entry(
                user_id=change.owner_id,
                kind=CHANGED,
                video_id=change.pk,
                video=change.public_id,
                sentence=sentence,
                data={"state": change.state, "title": change.title, "version": change.version},
                request_id=change.request_id,
            )
            for change, sentence in told
        ]
    )


def _sentences(change: uploads.VideoChange) -> list[str]:
    received = [words.received(change.received)] if change.received is not None else []
    return [*received, words.reached(change.before, change.state, code="", fields={})]


@receiver(uploads.source_refused)
def tell_refusal(sender: object, session: UploadSession, **kwargs: Any) -> None:
    _needs_new_file(session, code=session.error_code, fields=session.error_fields)


@receiver(uploads.upload_ended)
def tell_end(sender: object, session: UploadSession, **kwargs: Any) -> None:
    video = session.its_video
    state = {"state": video.state, "upload": session.public_id}
    if session.state == SessionState.ABORTED:  # the person did it: nobody needs to tell them
        record(user=session.owner, kind=CHANGED, video=video, sentence="Upload canceled", data=state)
        return
    code = session.error_code or _ENDED.get(session.state, "")
    why = words.reason(code, session.error_fields)
    record(user=session.owner, kind=CHANGED, video=video, sentence=f"The upload ended: {why}", data=state)
    notify(
        user=session.owner,
        kind=NotificationKind.UPLOAD_ENDED,
        key=f"upload_ended:{session.public_id}",
        title=CATALOGUE.get(code).title,
        body=f"{words.quoted(video.title)}: {why}",
        link=page_of(video),
        video=video,
    )


@receiver(uploads.upload_expiring)
def tell_of_expiry(sender: object, session: UploadSession, **kwargs: Any) -> None:
    video = session.its_video
    notify(
        user=session.owner,
        kind=NotificationKind.UPLOAD_EXPIRING,
        key=f"upload_expiring:{session.public_id}:{session.expires_at:%Y%m%dT%H%M%S}",  # it went on and stopped again: that is news again
        title=f"{words.quoted(session.file_name or video.title)} is still unfinished",
        body=words.expires_soon(session.committed, session.length, session.expires_at),
        link="/#unfinished",
        video=video,
    )


@receiver(processing.job_progressed)
def tell_progress(sender: object, job: Job, **kwargs: Any) -> None:
    attempt = job.attempts.order_by("-number").first()
    phase = attempt.phase if attempt is not None else ""
    record(user=job.video.owner, kind="job.progress", video=job.video, data={"job": job.public_id, "percent": round(job.percent, 1), "phase": phase})


@receiver(processing.extra_ready)
def tell_extra(sender: object, video: Video, kind: str, **kwargs: Any) -> None:
    """Nothing for the story of a video: its open pages look again."""
    record(user=video.owner, kind=CHANGED, video=video, data={"state": video.state, "title": video.title, "version": video.version, "made": kind})


@receiver(processing.first_rendition_ready)
def tell_first_rendition(sender: object, job: Job, **kwargs: Any) -> None:
    video = job.video
    first = job.renditions.filter(state=RenditionState.READY).order_by("ready_at", "id").first()
    sentence = words.first_version(first.rung if first is not None else "")
    record(user=video.owner, kind=CHANGED, video=video, sentence=sentence, data={"state": video.state, "percent": round(job.percent, 1), "playable": True})
    if len(job.ladder) < 2:
        return  # the first version is the last one too: "ready" follows at once
    notify(
        user=video.owner,
        kind=NotificationKind.FIRST_RENDITION_READY,
        key=_first_version_key(job),
        title=f"{words.quoted(video.title)} can be played",
        body="A first version is there. We are still making the sharper ones; they appear by themselves.",
        link=page_of(video),
        video=video,
    )


@receiver(processing.job_ready)
def tell_ready(sender: object, job: Job, **kwargs: Any) -> None:
    video = job.video
    notify(
        user=video.owner,
        kind=NotificationKind.READY,
        key=f"ready:{job.public_id}",
        title=f"{words.quoted(video.title)} is ready",
        body=words.reason(job.error_code, job.error_fields) if job.error_code else "All versions are made.",  # a warning beside what plays
        link=page_of(video),
        video=video,
        instead_of=_first_version_key(job),
    )


@receiver(processing.job_needs_new_file)
def tell_needs_new_file(sender: object, job: Job, **kwargs: Any) -> None:
    _needs_new_file(job.source, code=job.error_code, fields=job.error_fields)


@receiver(processing.job_retrying)
def tell_retry(sender: object, job: Job, retry_at: datetime | None = None, **kwargs: Any) -> None:
    video, sentence = job.video, words.trying_again(job.retry_at or retry_at)
    record(user=video.owner, kind=CHANGED, video=video, sentence=sentence, data={"state": video.state})
    notify(
        user=video.owner,
        kind=NotificationKind.RETRYING,
        key=f"retrying:{job.public_id}",
        title=f"{words.quoted(video.title)} takes a little longer",
        body=f"{sentence}. There is nothing you need to do; your file is safe.",
        link=page_of(video),
        video=video,
    )


@receiver(processing.job_given_up)
def tell_given_up(sender: object, job: Job, **kwargs: Any) -> None:
    video = job.video
    notify(
        user=video.owner,
        kind=NotificationKind.GIVEN_UP,
        key=f"given_up:{job.public_id}:{job.attempts.count()}",  # retried by hand and given up again is news again
        title=CATALOGUE.get(job.error_code).title,
        body=f"{words.quoted(video.title)}: {words.reason(job.error_code, job.error_fields)}",
        link=page_of(video),
        video=video,
    )


def _first_version_key(job: Job) -> str:
    return f"first_rendition_ready:{job.public_id}"


def _needs_new_file(session: UploadSession, *, code: str, fields: dict[str, Any]) -> None:
    """Refused on arrival or by the engine: either way once per file."""
    video = session.its_video
    told = notify(
        user=session.owner,
        kind=NotificationKind.NEEDS_NEW_FILE,
        key=f"needs_new_file:{session.public_id}",
        title=CATALOGUE.get(code).title,
        body=f"{words.quoted(video.title)}: {words.reason(code, fields)}",
        link=page_of(video),
        video=video,
    )
    if told is not None:
        record(user=session.owner, kind=CHANGED, video=video, sentence=words.refused(code, fields), data={"state": video.state})
