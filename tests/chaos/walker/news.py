"""What an engine elsewhere tells of films: given up and replayed, of a job nobody knew, of a file it cannot open, and of a job that stands still."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import requests
from django.conf import settings

from processing.engines.mediaconvert import client
from processing.events import consumer, dead, queues, stalls
from processing.events.envelope import ENDS
from processing.events.queues import Queue
from processing.models import LIVE_JOB_STATES, Job, JobState
from resilience.tasks import housekeeper
from tests.emulator import ACCOUNT, QUEUE

from .client import Sending, upload
from .elsewhere import MOST_ROUNDS, note_engines, one_job_each
from .files import clip, size
from .rounds import REGION
from .world import World

PATIENCE_SECONDS = 60.0
HIDDEN_SECONDS = 2  # SQS's clock is not ours: what a dead process had in hand would be missing for a minute
TIMES = 10  # that a message is given out before it is given up
UNHEARD = {"fault": "reset_after", "operation": "CreateJob", "count": 3}
NO_PARSER = {"fault": "job_error", "code": 1010, "message": "Unable to open input file: [Failed probe/open: [No parser found for container]]"}
STUCK = {"fault": "stuck", "phase": "TRANSCODING", "count": 1}


def news(world: World) -> None:
    """A job's id is never heard, its news is given up, replayed, and adopts it; one ERROR is looked into; one job is over its cap, then made anew."""
    world.ledger.once("slow")
    note_engines(world)
    queue = _queue(world)
    _send(world, "film", UNHEARD)
    world.run_due()
    if not world.ledger.last("replayed"):
        _give_up(queue)
        dead.replay(queue, ids=None, by=None, reason="mended")
        world.ledger.note("replayed")
    assert _end_of(world, queue, "film") == JobState.READY
    _send(world, "unreadable", NO_PARSER)
    assert _end_of(world, queue, "unreadable") == JobState.NEEDS_NEW_FILE
    _send(world, "stuck", STUCK)
    _stall(world)
    assert _end_of(world, queue, "stuck") == JobState.READY
    one_job_each()


def _queue(world: World) -> Queue:
    """Return the queue of news, with its dead letters: empty, and the engine as if new, at the beginning of a round."""
    queues.WAIT_SECONDS, dead.WAIT_SECONDS = 1, 0
    queues.HIDDEN_SECONDS = dead.HIDDEN_SECONDS = HIDDEN_SECONDS
    address = f"{settings.S3_ENDPOINT_URL}/{ACCOUNT}/{QUEUE}"
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS, settings.MEDIACONVERT_EVENTS_DLQ_URLS = [address], [f"{address}-dead"]
    (queue,) = queues.queues()
    if not world.ledger.last("queues"):
        assert _control("POST", "reset", {})["stopped"], "a job of another round did not stop"
        sqs = client.made("sqs", region=REGION, endpoint_url=settings.S3_ENDPOINT_URL)
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}-dead", "maxReceiveCount": TIMES}
        for name, attributes in ((f"{QUEUE}-dead", {}), (QUEUE, {"RedrivePolicy": json.dumps(redrive)})):
            sqs.delete_queue(QueueUrl=sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])  # SQS purges once a minute only
            sqs.create_queue(QueueName=name, Attributes=attributes)
        world.ledger.note("queues")
    return queue


def _send(world: World, name: str, rule: dict[str, Any]) -> None:
    """Upload a film, to whose job something happens at the engine."""
    upload(world, Sending(name, clip(world), chunk=size(), key=f"{name}-1"))
    session = world.session(name)
    assert session is not None
    if not world.ledger.last("rule", name=name):
        _control("POST", "faults", [rule | ({} if rule is UNHEARD else {"input": session.storage_key})])
        world.ledger.note("rule", name=name)


def _give_up(queue: Queue) -> None:
    """Nobody can take in what was told."""
    _all_sent()
    while queue.count():
        queue.receive(wait_seconds=0, hidden_seconds=0)


def _end_of(world: World, queue: Queue, name: str) -> str:
    """Let workers and a consumer do what they do until a film's job has ended; return how."""
    for _ in range(MOST_ROUNDS):
        job = Job.objects.filter(source=world.session(name)).first()
        if job is not None and job.state not in LIVE_JOB_STATES:
            world.work()
            return str(job.state)
        world.run_due()
        _all_sent()
        while queue.count():
            consumer.read_once(queue, stop=threading.Event())
        world.work()
        housekeeper.keep_house()
    raise AssertionError(f"the job of {name} has no end")


def _stall(world: World) -> None:
    """Let the job be asked about once, be too old once, and be ended for it."""
    if not world.ledger.last("old"):
        world.work()
        world.time_passes(minutes=2)  # without news
        housekeeper.keep_house()
        world.work()
        world.time_passes(hours=2)
        world.ledger.note("old")
    for _ in range(MOST_ROUNDS):
        if not stalls.stalled():
            break
        housekeeper.keep_house()
        world.time_passes(minutes=1)
    world.work()  # the engine stops it


def _all_sent() -> None:
    """Wait until all jobs the engine has have ended, and all that it told of them is in the queue."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _is_all_sent(_control("GET", "journal")):
        assert time.monotonic() < deadline, "the engine has not ended what it began"
        time.sleep(0.05)


def _is_all_sent(journal: list[dict[str, Any]]) -> bool:
    events = [entry for entry in journal if entry["kind"] == "event"]
    ended = {event["job"] for event in events if event["status"] in ENDS}
    sent = sum(entry["count"] for entry in journal if entry["kind"] == "events_sent")
    return all(entry["job"] in ended for entry in journal if entry["kind"] == "job_created") and sent >= len(events)


def _control(method: str, what: str, body: Any = None) -> Any:
    answer = requests.request(method, f"{settings.MEDIACONVERT_ENDPOINT_URL}/_emulator/{what}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()
