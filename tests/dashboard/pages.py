"""What the page tests share: videos in every state with all that hangs on them, and a look at a page's markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.contrib.auth.models import User

from notifications.services.events import record
from processing.models import Job, JobState, Publication, Rendition, RenditionState
from tests.factories import make_job, make_session, make_video
from uploads.models import SessionState, Video, VideoState

FAILURES = {VideoState.NEEDS_NEW_FILE: "UPLOAD_TRUNCATED", VideoState.FAILED: "ENCODING_GAVE_UP", VideoState.BLOCKED: "ENCODING_ENGINE_MISSING"}


def video_in(state: str, owner: User, **values: Any) -> Video:
    """A video as it is when it has come to this state, with its file, job, versions and story."""
    video = make_video(owner=owner, title=f"in {state}", state=state, error_code=FAILURES.get(VideoState(state), ""), **values)
    if state == VideoState.RECEIVING:
        make_session(video=video, length=2000, committed=500, fingerprint="a|2000|1|ff")
    elif state in (VideoState.CHECKING, VideoState.NEEDS_NEW_FILE):
        make_session(video=video, committed=1000, state=SessionState.RECEIVED if state == VideoState.CHECKING else SessionState.REJECTED)
    elif state != VideoState.CANCELED:
        _with_job(video, state)
    record(user=owner, kind="video.changed", video=video, sentence=f"It came to {state}")
    return video


def _with_job(video: Video, state: str) -> Job:
    states = {VideoState.CONVERTING: JobState.RUNNING, VideoState.READY: JobState.READY, VideoState.BLOCKED: JobState.BLOCKED, VideoState.FAILED: JobState.DEAD}
    job = make_job(video=video, state=states[VideoState(state)], percent=42)
    Rendition.objects.create(job=job, rung="360p", state=RenditionState.READY, size=5000, height=360)
    Rendition.objects.create(job=job, rung="720p", state=RenditionState.PENDING, height=720)
    if state == VideoState.READY:
        publish(video, job)
    return job


def publish(video: Video, job: Job) -> Publication:
    return Publication.objects.create(
        video=video, job=job, playlist=f"{video.public_id}/{job.public_id}/main-1.m3u8", poster=f"{video.public_id}/{job.public_id}/poster.jpg", complete=True
    )


class Markup(HTMLParser):
    """Collects what a strict Content-Security-Policy forbids, and what a form or a link leads to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.links: list[str] = []
        self.forms: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self._script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._script = tag == "script" and "src" not in given and given.get("type") != "application/json"
        self.inline += [f"<{tag} {name}>" for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or self._script:
            self.inline.append(f"<{tag}>")
        if tag == "a" and (given.get("href") or "").lower().startswith("javascript:"):
            self.inline.append("javascript: address")
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag == "form":
            self.forms.append(given)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        for name in ("for", "aria-describedby", "aria-labelledby"):
            self.references += (given.get(name) or "").split()
