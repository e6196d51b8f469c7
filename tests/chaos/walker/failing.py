"""What goes wrong besides the deaths: a worker that is gone, a disk that cannot be read, an engine that fails; and people who put it right."""

from __future__ import annotations

import errno
from unittest.mock import patch

from django.conf import settings

from processing.engines.base import EngineFailure, Failure
from processing.engines.local.engine import LocalEngine
from processing.models import LIVE_JOB_STATES, Job, JobState
from processing.notes import JobAlreadyEnded
from processing.services.jobs import cancel_job, retry_job
from resilience.leases import Owner, this_place
from resilience.models import Task
from resilience.models.tasks import TaskState
from resilience.tasks.claim import claim_next
from resilience.tasks.groups import change_all
from resilience.tasks.runner import run_due
from uploads.models import Video, VideoState
from uploads.services import inspect
from uploads.services.delete import delete_video

from .client import Sending, upload
from .files import clip
from .world import World

GONE = Owner(this_place(), 2**22 + 1, "1")  # above the largest pid there is


def failing(world: World) -> None:
    """A disk refuses to be read → dead letter → replay; the engine fails → retries → given up → retried by hand; canceled; deleted."""
    world.ledger.once("slow")
    (settings.WORK_DIR / "att_of_nobody").mkdir(parents=True, exist_ok=True)
    if not world.ledger.last("readable"):
        _until_readable(world)
    if not world.ledger.last("mended"):
        _until_mended(world)
    world.work()
    if not world.ledger.last("watched"):
        assert _video(world, "film").state == VideoState.READY
        world.ledger.note("watched")
    _cancel_another(world)
    for video in Video.objects.filter(sessions=world.session("film")):
        delete_video(video)
    world.ledger.once("deleted", name="film")
    world.work()


def _until_readable(world: World) -> None:
    with patch.object(inspect, "verified_digest", side_effect=OSError(errno.EIO, "Input/output error")):
        upload(world, Sending("film", clip(world), key="film-1"))
        held = claim_next("default")
        if held is not None:  # by a worker that was killed
            Task.objects.filter(pk=held.task.pk).update(lease_owner=str(GONE))
        world.work()
    dead = Task.objects.get(kind="uploads.inspect", state=TaskState.DEAD)
    assert _video(world, "film").state == VideoState.FAILED
    change_all("replay", by=None, reason="mended", fingerprint=dead.error_fingerprint)
    world.ledger.note("readable")


def _until_mended(world: World) -> None:
    with patch.object(LocalEngine, "outputs", side_effect=EngineFailure(Failure("engine", "FAILED", "no reason given"))):
        world.work()
    job = Job.objects.filter(video=_video(world, "film")).latest("pk")
    assert job.state == JobState.DEAD, job.state
    retry_job(job, by=None, reason="mended")
    world.ledger.note("mended")


def _cancel_another(world: World) -> None:
    upload(world, Sending("other", clip(world), key="other-1"))
    while run_due(queues=("default",), limit=1):  # a worker that is drained after each task claims nothing with its end
        pass
    job = Job.objects.filter(video=_video(world, "other")).latest("pk")
    if job.state in LIVE_JOB_STATES:
        try:
            cancel_job(job, by=None, reason="not wanted")
        except JobAlreadyEnded:  # between the two lines another life's work may have ended it
            return


def _video(world: World, name: str) -> Video:
    session = world.session(name)
    assert session is not None
    return session.its_video
