"""Find jobs nobody works on any more and files nobody will ask for, and put both right. Safe to run twice and beside others."""

from __future__ import annotations

import shutil
import time
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.fields.json import KT
from django.db.models.functions import Now

from processing.engines.registry import is_remote
from processing.models import LIVE_ATTEMPT_STATES, UNSUCCESSFUL_ATTEMPT_STATES, Attempt, AttemptState, Job, JobState, Publication, Rendition
from processing.store import FOLDER_MARK, TEXT_MARK, delete_tree, listed
from resilience.faults import point
from resilience.models import Task
from resilience.models.tasks import LIVE_STATES
from resilience.tasks import enqueue
from resilience.tidy import remove_old
from resilience.transactions import retried
from uploads.models import VideoState
from uploads.services.videos import set_video_state

log = structlog.get_logger(__name__)

QUIET_SECONDS = 60  # a job that changed more recently is somebody's
BLOCKED_SECONDS = 60  # so that a recovery that runs often does not try a blocked job each time
LOOK_AGAIN_SECONDS = 600  # a process that was given up may still write
SETTLED_SECONDS = 24 * 3600  # an attempt that ended longer ago writes no more: it is looked at a last time
EXTRA_SECONDS = 6 * 3600.0  # longer than any of the tasks that work in such a folder may take
TEXT_SECONDS = 3600.0  # a text is written and put away within moments
BATCH = 200
WORK = ("processing.submit", "processing.transcode", "processing.look", "processing.verify")


def resume_jobs(*, dry_run: bool = False) -> int:
    """Give live jobs without a live task a new one: their task was discarded, or its end was lost. Return how many."""
    found = [job for job in unattended()[:BATCH] if dry_run or _resume(job)]
    return len(found)


def unblock_jobs(*, dry_run: bool = False) -> int:
    """Let jobs that wait for the operator try again. Return how many."""
    due = Job.objects.filter(state=JobState.BLOCKED, updated_at__lt=Now() - timedelta(seconds=BLOCKED_SECONDS)).order_by("pk")
    return sum(1 for job in due[:BATCH] if dry_run or _unblock(job))


def reap_work(*, dry_run: bool = False) -> int:
    """Remove this host's working folders of attempts that have ended, and texts that were never put away. Return how many."""
    return _reap_folders(dry_run=dry_run) + _reap_texts(dry_run=dry_run)


def unattended() -> QuerySet[Job]:
    """Live jobs without a task. What an engine elsewhere works on needs none: whoever watches engines sees to it that it ends."""
    tasks = Task.objects.filter(state__in=LIVE_STATES, kind__in=WORK)
    mine = tasks.annotate(job=KT("payload__job_id")).filter(job=OuterRef("public_id"))
    quiet = Job.objects.filter(state__in=(JobState.QUEUED, JobState.RUNNING), updated_at__lt=Now() - timedelta(seconds=QUIET_SECONDS))
    elsewhere = Attempt.objects.filter(job=OuterRef("pk"), state__in=(AttemptState.SUBMITTED, AttemptState.PROGRESSING)).exclude(external_id="")
    return quiet.filter(~Exists(mine), ~Exists(elsewhere)).order_by("pk")


@retried(joins=True)
def _resume(job: Job) -> bool:
    held = Job.objects.select_for_update().filter(pk=job.pk, state=job.state, version=job.version).first()
    if held is None:
        return False
    live = held.attempts.filter(state__in=LIVE_ATTEMPT_STATES).first()
    if live is not None and is_remote(live.engine):
        return _go_on_elsewhere(held, live)
    Attempt.objects.filter(job=held, state__in=LIVE_ATTEMPT_STATES).update(
        state=AttemptState.LOST, ended_at=Now(), decision="same_engine: nobody worked on it any more"
    )
    return _submit_again(held)


def _go_on_elsewhere(job: Job, attempt: Attempt) -> bool:
    """Have the attempt's next step taken again: nothing that may have been done elsewhere is given up here."""
    if attempt.state != AttemptState.VERIFYING:
        return _submit_again(job)
    Job.objects.filter(pk=job.pk).update(version=F("version") + 1, updated_at=Now())
    return enqueue("processing.verify", key=attempt.public_id, payload={"job_id": job.public_id, "attempt_id": attempt.public_id}) is not None


@retried(joins=True)
def _unblock(job: Job) -> bool:
    held = Job.objects.select_for_update().filter(pk=job.pk, state=JobState.BLOCKED).first()
    if held is None:
        return False
    set_video_state(held.video_id, VideoState.CONVERTING, only_from=(VideoState.BLOCKED,))
    return _submit_again(held)


def _submit_again(job: Job) -> bool:
    Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED, retry_at=None, version=F("version") + 1, updated_at=Now())
    last = job.attempts.order_by("-number").first()
    payload = {"job_id": job.public_id, "engine": last.engine if last else "", "salvage": bool(last and last.salvage)}
    task = enqueue("processing.submit", key=f"{job.public_id}:again:{job.version}", payload=payload)
    log.warning("job.resumed", job=job.public_id, state=job.state)
    return task is not None


def _reap_folders(*, dry_run: bool) -> int:
    work = Path(settings.WORK_DIR)
    folders = {path.name: path for path in work.iterdir() if path.is_dir() and not _is_anothers(path)} if work.is_dir() else {}
    live = set(Attempt.objects.filter(public_id__in=folders, state__in=LIVE_ATTEMPT_STATES).values_list("public_id", flat=True))
    ended = [path for name, path in folders.items() if name not in live]
    for path in [] if dry_run else ended:
        shutil.rmtree(path, ignore_errors=True)
        point("processing.reap.folder_gone")
    return len(ended)


def _is_anothers(path: Path) -> bool:
    """Whether a folder may be in use by a task that is no attempt."""
    try:
        return path.name.startswith(FOLDER_MARK) and path.stat().st_mtime > time.time() - EXTRA_SECONDS
    except FileNotFoundError:
        return True  # its task has just ended


def _reap_texts(*, dry_run: bool) -> int:
    return remove_old(Path(settings.WORK_DIR), f"{TEXT_MARK}*", latest=time.time() - TEXT_SECONDS, dry_run=dry_run)


def reap_outputs(*, dry_run: bool = False) -> int:
    """Remove what attempts had put into the store when they died, before any row named it. Return how many.

    Each attempt that did not succeed is looked at until one look a day after its end, however long nobody looked before.
    """
    due = Attempt.objects.filter(state__in=UNSUCCESSFUL_ATTEMPT_STATES, look_at__lte=Now()).select_related("job__video").order_by("look_at")
    return sum(_reap_outputs_of(attempt, dry_run=dry_run) for attempt in due[:BATCH])


def _reap_outputs_of(attempt: Attempt, *, dry_run: bool) -> int:
    trees, files = _remains(f"{attempt.job.video.public_id}/{attempt.job.public_id}/{attempt.public_id}")
    if dry_run:
        return sum(1 for one in trees if _is_there(one)) + len(files)
    reaped = sum(1 for one in trees if delete_tree(one)) + len(files)
    for name in files:
        default_storage.delete(name)
    # Only after the files are gone: whoever dies before this line has the next one look again.
    settled = Q(ended_at__lt=Now() - timedelta(seconds=SETTLED_SECONDS))
    again = Case(When(settled, then=None), default=Now() + timedelta(seconds=LOOK_AGAIN_SECONDS), output_field=DateTimeField())
    Attempt.objects.filter(pk=attempt.pk).update(look_at=again)
    return reaped


def _remains(prefix: str) -> tuple[list[str], list[str]]:
    """Return folders and files that no row names: all of an attempt's output, or the rungs and the picture that another made again."""
    poster = Publication.objects.filter(poster__startswith=f"{prefix}/").values_list("poster", flat=True).first()
    if poster is None and not _is_used(prefix):
        return [prefix], []
    folders, files = listed(prefix)
    return [name for name in folders if not _is_used(name)], [name for name in files if name != poster]


def _is_used(prefix: str) -> bool:
    return Rendition.objects.filter(path__startswith=f"{prefix}/").exists()


def _is_there(prefix: str) -> bool:
    return any(listed(prefix))
