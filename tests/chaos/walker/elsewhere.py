"""A film that is converted elsewhere: by the emulator of MediaConvert, whose clock goes with ours, and which loses some of its answers."""

from __future__ import annotations

import time
from collections import Counter

import requests
from django.conf import settings

from processing.engines.base import Order
from processing.engines.mediaconvert.client import call
from processing.engines.mediaconvert.engine import MediaConvertEngine
from processing.models import LIVE_JOB_STATES, Attempt, Job, JobState
from processing.services.jobs import cancel_job
from resilience.tasks import housekeeper

from .client import Sending, upload
from .files import clip, size
from .rounds import REGION
from .world import World

MOST_ROUNDS = 60
UNHEARD = [{"fault": "event_lost"}, {"fault": "reset_after", "operation": "CreateJob", "count": 3}]  # nobody reads events here


def elsewhere(world: World) -> None:
    """Upload → inspect → ask, and hear no answer → search → ask how it goes → look at what was made → publish → tell; then one that is canceled."""
    world.ledger.once("slow")  # who did not hear an answer waits before it looks a second time
    note_engines(world)
    if not world.ledger.last("unheard"):
        book = f"{settings.MEDIACONVERT_ENDPOINT_URL}/_emulator/faults"
        requests.delete(book, timeout=60).raise_for_status()
        requests.post(book, json=UNHEARD, timeout=60).raise_for_status()
        world.ledger.note("unheard")
    upload(world, Sending("film", clip(world), chunk=size() // 2, key="film-1"))
    world.run_due()
    world.time_passes(minutes=1)  # the token's time is over
    _until_ready(world)
    upload(world, Sending("unwanted", clip(world), chunk=size() // 2, key="film-2"))
    world.work()
    for job in Job.objects.filter(source=world.session("unwanted"), state__in=LIVE_JOB_STATES):
        cancel_job(job, by=None, reason="changed my mind")
    world.work()
    one_job_each()


def _until_ready(world: World) -> None:
    for _ in range(MOST_ROUNDS):
        world.work()
        if Job.objects.filter(source=world.session("film"), state=JobState.READY).exists():
            return
        time.sleep(0.05)  # it converts in time of its own
        world.time_passes(minutes=1)
        housekeeper.keep_house()
    raise AssertionError("the film was never ready")


def one_job_each() -> None:
    """Unique-ids, as the engine's own books have it."""
    ours = set(Attempt.objects.values_list("public_id", flat=True))
    jobs = call(REGION, "list_jobs", MaxResults=20, Order="DESCENDING")["Jobs"]
    made = Counter(job["UserMetadata"]["attempt_id"] for job in jobs)
    assert not [attempt for attempt in ours if made[attempt] > 1], made


def note_engines(world: World) -> None:
    """Whatever asks the engine is on the ledger, as it is on its bill."""
    real = MediaConvertEngine.create

    def create(self: MediaConvertEngine, order: Order, **limits: float) -> object:
        world.ledger.note("engine", attempt=order.attempt_id, state=Attempt.objects.get(public_id=order.attempt_id).state)
        return real(self, order, **limits)

    MediaConvertEngine.create = create  # type: ignore[method-assign, assignment]
