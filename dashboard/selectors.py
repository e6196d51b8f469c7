"""What the pages read, a fixed number of queries per page whatever its length."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from notifications.models import Event
from notifications.selectors import timeline
from processing.captions.selectors import captions_of
from processing.extras.services import download_of, thumbnails_of
from processing.models import LIVE_JOB_STATES, Caption, Extra, Job, Publication, Rendition
from processing.selectors import current_job, published
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadRole, UploadSession, Video, VideoState

PAGE_SIZE = 24
TIMELINE_LENGTH = 60


def library(owner: User) -> QuerySet[Video]:
    """A person's videos, newest first, with what their cards show; those still uploading are in `unfinished` instead.

    One that is being put together from its parts is not uploading any more.
    """
    joining = UploadSession.objects.filter(video=OuterRef("pk"), role=UploadRole.JOINED, state=SessionState.CREATING)
    live = Prefetch("jobs", queryset=Job.objects.filter(state__in=LIVE_JOB_STATES).order_by("-id"), to_attr="live_jobs")
    return (
        Video.objects.filter(owner=owner)
        .exclude(Q(state=VideoState.RECEIVING) & ~Exists(joining))
        .select_related("publication")
        .prefetch_related(live)
        .order_by("-created_at", "-id")
    )


def library_page(owner: User, number: str | None) -> Page[Video]:
    return Paginator(library(owner), PAGE_SIZE).get_page(number)


def video_for_card(owner: User, public_id: str) -> Video | None:
    live = Prefetch("jobs", queryset=Job.objects.filter(state__in=LIVE_JOB_STATES).order_by("-id"), to_attr="live_jobs")
    return Video.objects.filter(owner=owner, public_id=public_id).select_related("publication").prefetch_related(live).first()


@dataclass(frozen=True, slots=True)
class VideoPage:
    video: Video
    job: Job | None
    publication: Publication | None
    renditions: list[Rendition]
    timeline: list[Event]  # newest first
    session: UploadSession | None  # the latest file
    download: Extra | None  # a film to save, asked for or not; none without anything to play
    thumbnails: Extra | None
    captions: Caption | None

    @property
    def open_session(self) -> UploadSession | None:
        return self.session if self.session and self.session.state in OPEN_SESSION_STATES else None


def video_page(video: Video) -> VideoPage:
    job = current_job(video)
    return VideoPage(
        video=video,
        job=job,
        publication=published(video),
        renditions=_lowest_first(job) if job else [],
        timeline=timeline(video, limit=TIMELINE_LENGTH)[::-1],
        session=UploadSession.objects.filter(video=video).order_by("-id").first(),
        download=download_of(video),
        thumbnails=thumbnails_of(video),
        captions=captions_of(video),
    )


def _lowest_first(job: Job) -> list[Rendition]:
    return sorted(job.renditions.all(), key=lambda rendition: (rendition.height or 0, rendition.id))
