"""Ask for what is made besides a video's qualities, and make it. Each is one small durable task that may fail without any harm."""

from __future__ import annotations

from pathlib import Path

import structlog
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.db.models.functions import Now

from processing import store
from processing.engines.base import EngineFailure, Failure, Stopped, Watch
from processing.engines.local.engine import find_ffmpeg
from processing.extras import remux, sheet
from processing.extras.models import Extra, ExtraKind, ExtraState
from processing.ladder import AUDIO
from processing.models import Job, Publication, Rendition, RenditionState
from processing.signals import extra_ready
from resilience.models import Task
from resilience.tasks import TaskContext, enqueue
from resilience.transactions import retried
from uploads.models import Video

log = structlog.get_logger(__name__)

FILM, SOUND = "film.mp4", "film.m4a"
RAW_LIMIT = 2_000


def download_of(video: Video) -> Extra | None:
    """Return the film to save of the best there is to play now; one that nobody asked for yet is not in the database. None without anything to play."""
    best = _ready(video).order_by("-bitrate", "-pk").first()
    if best is None:
        return None
    path = f"{_folder(best)}/{SOUND if best.rung == AUDIO else FILM}"
    return Extra.objects.filter(path=path).first() or Extra(video=video, kind=ExtraKind.DOWNLOAD, path=path)


def thumbnails_of(video: Video) -> Extra | None:
    """Return the pictures to seek by of a video, if they are made."""
    lowest = _ready(video).exclude(rung=AUDIO).order_by("bitrate", "pk").first()
    return Extra.objects.filter(path=f"{_folder(lowest)}/{sheet.LIST}", state=ExtraState.READY).first() if lowest else None


@retried(joins=True)
def ask_for_download(video: Video) -> Extra | None:
    """Have a film to save made, unless it is there or being made already. One that failed is tried again."""
    wanted = download_of(video)
    return _ask(wanted) if wanted is not None else None


@retried(joins=True)
def ask_for_thumbnails(job: Job) -> Extra | None:
    """Have the pictures to seek by made of a job's lowest quality. None for sound, or with nothing made."""
    lowest = Rendition.objects.filter(job=job, state=RenditionState.READY).exclude(rung=AUDIO).order_by("bitrate", "pk").first()
    return _ask(Extra(video=job.video, kind=ExtraKind.THUMBNAILS, path=f"{_folder(lowest)}/{sheet.LIST}")) if lowest else None


def _ask(wanted: Extra) -> Extra:
    extra, _ = Extra.objects.get_or_create(path=wanted.path, defaults={"video": wanted.video, "kind": wanted.kind})
    if extra.state != ExtraState.READY:
        Extra.objects.filter(pk=extra.pk, state=ExtraState.FAILED).update(state=ExtraState.PENDING, error="", updated_at=Now())
        extra.refresh_from_db()
        enqueue(f"processing.{extra.kind}", key=str(extra.pk), payload={"extra": extra.pk})
    return extra


def make(context: TaskContext, extra_id: int) -> None:
    """Make one, from a durable task. Safe to repeat.

    Raises:
        EngineFailure: ffmpeg could not. FileNotFoundError: what it is made of is gone. CircuitOpen: the store is away.
    """
    extra = Extra.objects.filter(pk=extra_id, state=ExtraState.PENDING).select_related("video").first()
    if extra is None:
        return  # made, or the video is gone
    rendition = Rendition.objects.filter(path__startswith=f"{extra.path.rpartition('/')[0]}/", state=RenditionState.READY).first()
    if rendition is None:
        raise EngineFailure(Failure("engine", "SOURCE_LOST", "the rendition it was to be made of is gone"))
    watch = remux.TaskWatch(context)
    try:
        with remux.workplace(str(extra.pk)) as folder:
            source = remux.joined(rendition.path, folder, watch)
            size = _film(extra, source, folder, watch) if extra.kind == ExtraKind.DOWNLOAD else _pictures(extra, rendition, source, folder, watch)
    except Stopped as stopped:
        log.info("extra.stopped", extra=extra.pk, reason=str(stopped))
        return
    if not _ready_now(extra, size):
        store.delete_tree(extra.video.public_id)  # deleted meanwhile, after its own files were


@retried(joins=True)
def _ready_now(extra: Extra, size: int) -> bool:
    """Return False when the video is gone."""
    if not Video.objects.select_for_update().filter(pk=extra.video_id).exists():
        return False
    if Extra.objects.filter(pk=extra.pk, state=ExtraState.PENDING).update(state=ExtraState.READY, size=size, error="", updated_at=Now()):
        extra_ready.send(sender=Extra, video=extra.video, kind=extra.kind)
    return True


def _film(extra: Extra, source: Path, folder: Path, watch: Watch) -> int:
    target = folder / FILM
    remux.run(remux.film_command(find_ffmpeg(), source=source, target=target), watch)
    return _put(target, extra.path)


def _pictures(extra: Extra, rendition: Rendition, source: Path, folder: Path, watch: Watch) -> int:
    """The picture first, then the list that names it."""
    duration, target = rendition.duration_s or 0.0, folder / sheet.SPRITE
    made = sheet.sheet_for(duration_s=duration, width=rendition.width or 16, height=rendition.height or 9)
    line = remux.sprite_command(find_ffmpeg(), source=source, target=target, every_s=made.every_s, size=(made.width, made.height), grid=made.grid)
    remux.run(line, watch)
    watch.check()
    size = _put(target, f"{extra.path.rpartition('/')[0]}/{sheet.SPRITE}")
    listed = folder / sheet.LIST
    listed.write_text(sheet.as_vtt(made, duration_s=duration))
    return size + _put(listed, extra.path)


def _put(local: Path, name: str) -> int:
    """Put a file that a run before this one may have put already; half of one is replaced."""
    size = local.stat().st_size if local.is_file() else 0
    if not size:
        raise EngineFailure(Failure("ffmpeg", "0", f"nothing in {local.name}"))
    try:
        there = default_storage.size(name)
    except FileNotFoundError:
        there = None
    if there is not None and there != size:
        default_storage.delete(name)
    if there != size:
        store.put_file(local, name)
    return size


def is_dead(task: Task) -> None:
    """It could not be made: the video is none the worse. Called inside the transaction that buries its task."""
    Extra.objects.filter(pk=task.payload["extra"], state=ExtraState.PENDING).update(
        state=ExtraState.FAILED, error=task.last_error[:RAW_LIMIT], updated_at=Now()
    )


def _ready(video: Video) -> QuerySet[Rendition]:
    shown = Publication.objects.filter(video=video).values("job")
    return Rendition.objects.filter(job__in=shown, state=RenditionState.READY).exclude(path="")


def _folder(rendition: Rendition) -> str:
    return rendition.path.rpartition("/")[0]
