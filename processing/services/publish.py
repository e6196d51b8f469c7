"""Make what is ready playable: write a playlist nobody sees yet, then flip one pointer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from processing.engines.base import RungOutput
from processing.models import Job, JobState, Publication, Rendition, RenditionState
from processing.playlist import main_playlist, playlist_name
from processing.signals import first_rendition_ready
from processing.store import put_text
from resilience.faults import point
from resilience.transactions import settled

_MAY_PUBLISH = (JobState.QUEUED, JobState.RUNNING, JobState.READY, JobState.READY_PARTIAL)
_ROUNDS = 8  # each round means another process made a rung ready meanwhile


def publish(job_id: int, *, poster: str = "") -> Publication | None:
    """Let a video play every rung its job has ready. Safe to repeat: with nothing new it changes nothing.

    1. Write the main playlist over what is ready under a name that stands for its content. 2. With the job locked, look whether that is
    still what is ready. 3. If so flip the pointer; if not, start over.

    Args:
        job_id: primary key.
        poster: path of a poster in the rendition store, if one was just made.

    Returns:
        The publication, or None when nothing is ready or the job may not publish any more.
    """
    written = ""
    for _ in range(_ROUNDS):
        answer = settled(partial(_flip_if_written, job_id, written, poster), reread=partial(_shown, job_id, written, poster))
        if not isinstance(answer, _Playlist):
            return answer
        put_text(answer.name, answer.text)
        point("processing.publish.playlist_put")
        written = answer.name
    raise RuntimeError(f"the renditions of {job_id} never stood still")


@dataclass(frozen=True, slots=True)
class _Playlist:
    """What is to be written before the pointer may name it."""

    name: str
    text: str


def _flip_if_written(job_id: int, written: str, poster: str) -> Publication | _Playlist | None:
    job = Job.objects.select_for_update(of=("self",)).select_related("video").filter(pk=job_id, state__in=_MAY_PUBLISH).first()
    if job is None:
        return None
    outputs = ready_outputs(job)
    folder = f"{job.video.public_id}/{job.public_id}"
    text = main_playlist(outputs, folder=folder)
    name = f"{folder}/{playlist_name(text)}"
    if not outputs:
        return None
    return _flip(job, name, poster) if written == name else _Playlist(name, text)


def _shown(job_id: int, written: str, poster: str) -> Publication | None:
    """After a commit whose answer was lost: the pointer as this run would have set it."""
    mine = Publication.objects.filter(job_id=job_id, playlist=written)
    return (mine.filter(poster=poster) if poster else mine).first() if written else None


def ready_outputs(job: Job) -> list[RungOutput]:
    """Return the rungs of a job that are verified and in the store."""
    return [
        RungOutput(
            rung=one.rung, path=one.path, size=one.size, duration_s=one.duration_s or 0.0, bitrate=one.bitrate, codecs=one.codecs, width=one.width,
            height=one.height,
        )
        for one in Rendition.objects.filter(job=job, state=RenditionState.READY).order_by("bitrate", "pk")
    ]  # fmt: skip


def _flip(job: Job, playlist: str, poster: str) -> Publication:
    point("processing.publish.before_flip")
    before = Publication.objects.select_for_update().filter(video_id=job.video_id).first()
    if before is None or before.job_id != job.pk:
        values = {"job": job, "playlist": playlist, "poster": poster, "complete": False}
        publication, _ = Publication.objects.update_or_create(video_id=job.video_id, defaults=values)
        first_rendition_ready.send(sender=Job, job=job)
        return publication
    Publication.objects.filter(pk=before.pk).update(playlist=playlist, poster=poster or before.poster)
    before.refresh_from_db()
    return before
