"""News that was given up: what lies in the dead letter queues, and how operators put it back or drop it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import structlog

from processing.events.envelope import Malformed, read
from processing.events.queues import BATCH, Message, Queue
from resilience import audit
from resilience.faults import point
from resilience.redaction import without_secrets

log = structlog.get_logger(__name__)

SHOWN = 50
MOST = 1_000  # of one change; then again
HIDDEN_SECONDS = 60
WAIT_SECONDS = 1  # without waiting, SQS looks at some of its servers only
LONGEST_SHOWN = 2_000  # characters


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that was given up, as operators see it. `about` says of which job, or why that cannot be said."""

    message_id: str
    about: str
    body: str


def peek(queue: Queue) -> list[DeadLetter]:
    """Return what lies in a queue's dead letter queue, SHOWN at most, and leave it there.

    Raises:
        QueueAway, CircuitOpen: SQS cannot be asked.
    """
    messages = _fetch(queue.dead_letters, at_most=SHOWN)
    queue.dead_letters.show_again(messages)
    return [DeadLetter(one.message_id, _about(one), without_secrets(one.body[:LONGEST_SHOWN])) for one in messages]


def replay(queue: Queue, *, ids: Collection[str] | None, by: Any, reason: str) -> int:
    """Put messages back where consumers read them; news that was taken in meanwhile changes nothing. Return how many.

    Args:
        ids: of which messages; None means all, MOST at most.

    Raises: as `peek`. What was put back before stays so; the rest lies where it lay.
    """
    return _change(queue, "event.replay", ids=ids, by=by, reason=reason)


def discard(queue: Queue, *, ids: Collection[str] | None, by: Any, reason: str) -> int:
    """Drop messages for good. Args, return and raises: as `replay`."""
    return _change(queue, "event.discard", ids=ids, by=by, reason=reason)


def _change(queue: Queue, action: str, *, ids: Collection[str] | None, by: Any, reason: str) -> int:
    """1. Take messages, so that nobody else has them. 2. Write down what is about to be done to them. 3. Put them back, then delete them: who dies
    between has them twice, which is harmless. 4. Give back what was not chosen.
    """
    found = _fetch(queue.dead_letters, at_most=MOST)
    chosen = [one for one in found if ids is None or one.message_id in ids]
    try:
        if chosen:
            audit.record(actor=by, action=action, target=queue.name, reason=reason, count=len(chosen))
            if action == "event.replay":
                queue.send(one.body for one in chosen)
            point("processing.events.replayed")
            queue.dead_letters.delete(chosen)
    finally:
        queue.dead_letters.show_again(one for one in found if one not in chosen)
    log.info("events.dead_letters_changed", queue=queue.name, action=action, count=len(chosen))
    return len(chosen)


def _fetch(dead: Queue, *, at_most: int) -> list[Message]:
    found: dict[str, Message] = {}
    while len(found) + BATCH <= at_most:
        some = {one.message_id: one for one in dead.receive(wait_seconds=WAIT_SECONDS, hidden_seconds=HIDDEN_SECONDS)}
        if some.keys() <= found.keys():
            break  # nothing more, or the first ones again
        found |= some
    return list(found.values())


def _about(message: Message) -> str:
    try:
        envelope = read(message.body)
    except Malformed as malformed:
        return f"It {malformed}."
    return f"{envelope.status} of {envelope.job_id} at {envelope.engine}" + (f", {envelope.attempt_id}" if envelope.attempt_id else "")
