"""What must hold of conversions: whatever can be played is there, and whatever is promised is being made."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.files.storage import default_storage
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now

from processing.models import LIVE_ATTEMPT_STATES, LIVE_JOB_STATES, Attempt, AttemptState, Job, JobState, Publication, Rendition, RenditionState
from processing.services.publish import publish
from processing.services.reap import resume_jobs, unattended
from resilience.integrity import Breach, in_batches, rule
from uploads.models import Video, VideoState


def _resume(breach: Breach) -> bool:
    resume_jobs()
    return not unattended().filter(pk=breach.row.pk).exists()


@rule("processing.live_jobs", about="Somebody works on every live job.", repair=_resume)
def live_jobs() -> Iterator[Breach]:
    for job in in_batches(unattended()):
        yield Breach(job.public_id, f"{job.get_state_display()}, and nobody works on it", job)


def _supersede(breach: Breach) -> bool:
    values = {"state": AttemptState.LOST, "ended_at": Now(), "decision": "its job had ended"}
    return bool(Attempt.objects.filter(pk=breach.row.pk, state__in=LIVE_ATTEMPT_STATES).exclude(job__state__in=LIVE_JOB_STATES).update(**values))


@rule("processing.attempts", about="No attempt goes on after its job.", repair=_supersede)
def attempts() -> Iterator[Breach]:
    for attempt in in_batches(Attempt.objects.filter(state__in=LIVE_ATTEMPT_STATES).exclude(job__state__in=LIVE_JOB_STATES)):
        yield Breach(attempt.public_id, "goes on, and its job has ended", attempt)


@rule("processing.ready_videos", about="Every converted video that is ready can be played.")
def ready_videos() -> Iterator[Breach]:
    made = Job.objects.filter(video=OuterRef("pk"), state__in=(JobState.READY, JobState.READY_PARTIAL))
    shown = Publication.objects.filter(video=OuterRef("pk"))
    for video in in_batches(Video.objects.filter(Exists(made), ~Exists(shown), state=VideoState.READY)):
        yield Breach(video.public_id, "ready, and there is nothing to play", video)


@rule("processing.renditions", about="Every finished version is in the store.")
def renditions() -> Iterator[Breach]:
    for rendition in in_batches(Rendition.objects.filter(state=RenditionState.READY).select_related("job")):
        if not rendition.path or not default_storage.exists(rendition.path):
            yield Breach(f"{rendition.job.public_id}/{rendition.rung}", f"{rendition.path or 'its file'} is not in the store", rendition)


def _publish_again(breach: Breach) -> bool:
    publication: Publication = breach.row
    if publication.job.video_id != publication.video_id or not _has_files(publication.job):
        return False
    publish(publication.job_id)
    publication.refresh_from_db()
    return default_storage.exists(publication.playlist)


@rule("processing.publications", about="What is shown is there, and of the video it is shown for.", repair=_publish_again)
def publications() -> Iterator[Breach]:
    for publication in in_batches(Publication.objects.select_related("job", "video")):
        if publication.job.video_id != publication.video_id:
            yield Breach(publication.video.public_id, f"shows {publication.job.public_id}, which is another video's", publication)
        elif not default_storage.exists(publication.playlist):
            yield Breach(publication.video.public_id, f"{publication.playlist} is not in the store", publication)


def _has_files(job: Job) -> bool:
    ready = Rendition.objects.filter(job=job, state=RenditionState.READY)
    return ready.exists() and all(default_storage.exists(each.path) for each in ready)


@rule("processing.sources", about="Every job converts a file of its own video.")
def sources() -> Iterator[Breach]:
    for job in in_batches(Job.objects.exclude(source__video=F("video"))):
        yield Breach(job.public_id, "its file belongs to another video", job)
