"""From a published video to its captions: asked for when it is ready, written by a durable task, tried again by an operator."""

from __future__ import annotations

import hashlib
from pathlib import Path

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Now

from processing import store
from processing.captions.base import Heard, Work, engine
from processing.captions.errors import CaptionsAway, CaptionsRefused
from processing.captions.models import Caption, CaptionState
from processing.captions.vtt import as_vtt
from processing.engines.base import Stopped
from processing.engines.local.engine import find_ffmpeg
from processing.extras import remux
from processing.models import Job, Rendition, RenditionState
from processing.notes import JobStillRunning
from processing.services.chain import in_seconds
from processing.signals import extra_ready
from resilience import audit
from resilience.models import Task
from resilience.models.tasks import LIVE_STATES
from resilience.tasks import TaskContext, enqueue
from resilience.transactions import retried
from uploads.models import Video

log = structlog.get_logger(__name__)

KIND = "processing.caption"
LOOK_SECONDS = 20.0  # between two looks at work that goes on elsewhere
LONGEST_SECONDS = 24 * 3600  # of one try; what takes longer will not come
RAW_LIMIT = 2_000
BATCH = 200
OPEN = (CaptionState.PENDING, CaptionState.RUNNING)


@retried(joins=True)
def ask_for_captions(job: Job) -> Caption | None:
    """Have captions written for a job's file, if there is sound in it and captions are on. None where there is nothing to do."""
    if settings.CAPTIONS == "off" or not job.source.probe.get("audio"):
        return None
    caption, _ = Caption.objects.get_or_create(source=job.source, defaults={"video_id": job.video_id, "engine": settings.CAPTIONS})
    if caption.state in OPEN:
        _enqueue(caption)
    return caption


@retried(joins=True)
def retry_caption(caption: Caption, *, by: User | None, reason: str) -> Caption:
    """Have captions written anew, by the service that is set now.

    Raises:
        JobStillRunning: they are being written.
    """
    caption = Caption.objects.select_for_update().get(pk=caption.pk)
    if caption.state in OPEN:
        raise JobStillRunning(retry_after=LOOK_SECONDS)
    name = settings.CAPTIONS if settings.CAPTIONS != "off" else caption.engine
    Caption.objects.filter(pk=caption.pk).update(
        state=CaptionState.PENDING, engine=name, tries=F("tries") + 1, external_id="", error_code="", error_raw="", updated_at=Now()
    )
    caption.refresh_from_db()
    audit.record(actor=by, action="caption.retry", target=caption.public_id, reason=reason)
    _enqueue(caption)
    return caption


def write(context: TaskContext, public_id: str, tries: int) -> None:
    """Write captions, or look how far they are. Safe to repeat.

    Raises:
        CaptionsAway: the service did not answer. CircuitOpen: it, or the store, is not asked now.
    """
    if settings.CAPTIONS == "off":
        return  # they wait until somebody turns them on again
    caption = Caption.objects.filter(public_id=public_id, tries=tries, state__in=OPEN).select_related("video").first()
    if caption is None:
        return
    try:
        heard = _listened(context, caption)
    except Stopped as stopped:
        log.info("caption.stopped", caption=public_id, reason=str(stopped))
        return
    except CaptionsRefused as refused:
        fail(caption, code=refused.code, raw=str(refused.__cause__ or refused))
        return
    if heard is None:
        _look_again(caption, context.task_id)
        return
    _publish(caption, heard)
    _forget(caption.engine, name_of(caption))


def _listened(context: TaskContext, caption: Caption) -> Heard | None:
    watch = remux.TaskWatch(context)
    rendition = Rendition.objects.filter(job__source=caption.source_id, state=RenditionState.READY).order_by("bitrate", "pk").first()
    if rendition is None:
        raise CaptionsRefused() from RuntimeError("there is no rendition to listen to")
    service = engine(caption.engine)
    name = name_of(caption)
    Caption.objects.filter(pk=caption.pk, state=CaptionState.PENDING).update(state=CaptionState.RUNNING, external_id=name, updated_at=Now())
    with remux.workplace(caption.public_id) as folder:

        def sound() -> Path:
            target = folder / "sound.m4a"
            source = remux.joined(rendition.path, folder, watch)
            remux.run(remux.sound_command(find_ffmpeg(), source=source, target=target), watch)
            source.unlink()
            return target

        return service.listen(Work(name=name, folder=folder_of(caption), seconds=rendition.duration_s or 0.0, sound=sound, check=watch.check))


def name_of(caption: Caption) -> str:
    """Return the name of this try at the service."""
    return f"holdfast-{caption.public_id}-{caption.tries}"


def folder_of(caption: Caption) -> str:
    """Return where this try may leave files for the service, and the service for us; they go when it is over."""
    return f"{caption.video.public_id}/captions/{caption.public_id}-{caption.tries}"


def _publish(caption: Caption, heard: Heard) -> None:
    """Put the text into the store under a name that stands for it, then name it. A film in which nobody speaks has none to show."""
    path = ""
    if any(cue.text.strip() for cue in heard.cues):
        text = as_vtt(heard.cues)
        path = f"{caption.video.public_id}/captions/{caption.public_id}/{hashlib.sha256(text.encode()).hexdigest()[:12]}.vtt"
        store.put_text(path, text)
    if not _ready_now(caption, path, heard.language):
        store.delete_tree(caption.video.public_id)  # deleted meanwhile, after its own files were
    store.delete_tree(folder_of(caption))


@retried(joins=True)
def _ready_now(caption: Caption, path: str, language: str) -> bool:
    """Return False when the video is gone."""
    if not Video.objects.select_for_update().filter(pk=caption.video_id).exists():
        return False
    made = Caption.objects.filter(pk=caption.pk, tries=caption.tries, state__in=OPEN).update(
        state=CaptionState.READY, path=path, language=language[:20], error_code="", error_raw="", ready_at=Now(), updated_at=Now()
    )
    if made and path:
        extra_ready.send(sender=Caption, video=caption.video, kind="captions")
    return True


@retried(joins=True)
def _look_again(caption: Caption, task_id: str) -> None:
    """Ask again soon, by a task of its own: no worker waits. What has gone on for a day is given up.

    Args:
        task_id: of the task that looked now; the same one has one successor, however often it runs.
    """
    if Caption.objects.filter(pk=caption.pk, state=CaptionState.RUNNING, updated_at__lt=in_seconds(-LONGEST_SECONDS)).exists():
        fail(caption, code=CaptionsAway.entry.code, raw="it went on for more than a day")
        return
    _enqueue(caption, after=task_id)


def fail(caption: Caption, *, code: str, raw: str) -> None:
    """The video stays without captions until an operator tries again."""
    Caption.objects.filter(pk=caption.pk, tries=caption.tries, state__in=OPEN).update(
        state=CaptionState.FAILED, error_code=code, error_raw=raw[:RAW_LIMIT].replace("\x00", ""), updated_at=Now()
    )
    log.warning("caption.failed", caption=caption.public_id, code=code)


def is_dead(task: Task) -> None:
    """Every try of the task failed. Called inside the transaction that buries it."""
    caption = Caption.objects.filter(public_id=task.payload["caption"], tries=task.payload["tries"]).first()
    if caption is not None:
        fail(caption, code=task.error_code, raw=task.last_error)


def _forget(name: str, work: str) -> None:
    enqueue("processing.forget_caption", key=work, payload={"engine": name, "name": work})


def forget_all(video: Video) -> None:
    """Have services forget what they began for a video that is deleted, in the transaction that deletes it."""
    for caption in Caption.objects.filter(video=video).exclude(external_id=""):
        _forget(caption.engine, caption.external_id)


def resume_captions(*, dry_run: bool = False) -> int:
    """Give captions that nobody writes a new task: theirs was discarded, or captions were off for a while. Return how many."""
    if settings.CAPTIONS == "off":
        return 0
    tasks = Task.objects.filter(kind=KIND, state__in=LIVE_STATES).annotate(of=KT("payload__caption")).filter(of=OuterRef("public_id"))
    idle = Caption.objects.filter(~Exists(tasks), Q(state__in=OPEN), updated_at__lt=in_seconds(-60)).order_by("pk")
    return sum(1 for caption in idle[:BATCH] if dry_run or _enqueue(caption))


def _enqueue(caption: Caption, *, after: str = "") -> bool:
    key = f"{caption.public_id}:{after}" if after else f"{caption.public_id}:{caption.tries}"
    payload = {"caption": caption.public_id, "tries": caption.tries}
    return enqueue(KIND, key=key, payload=payload, run_at=in_seconds(LOOK_SECONDS) if after else None) is not None
