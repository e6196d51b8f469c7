"""The SQS queues news comes through, and what was given up in them. Everybody asks SQS through here, and the circuit `sqs`.

A message that was taken ten times and never confirmed is moved by SQS itself into the dead letter queue (its redrive policy says after how many).
There it lies until somebody puts it back, or gives it up; SQS forgets it after 14 days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from processing.engines.mediaconvert import client
from resilience.circuits import circuit

WAIT_SECONDS = 5  # SQS waits this long for a message, and we for it when we are told to stop
HIDDEN_SECONDS = 60  # from other consumers, once taken
BATCH = 10  # the most SQS takes at once
_AWS = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")

T = TypeVar("T")


class QueueAway(Exception):
    """SQS does not answer, or says no. Its text is SQS's, for operators."""


@dataclass(frozen=True, slots=True)
class Message:
    """`handle` is what it is confirmed by; `times` it was given out, this time included."""

    message_id: str
    handle: str
    body: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue in a region; `dead` is the address of its dead letter queue, empty when there is none."""

    url: str
    region: str
    dead: str = ""

    @property
    def name(self) -> str:
        """What its row is called: on one's own SQS the same address may be another queue in each region."""
        return f"{self.url}#{self.region}"

    @property
    def dead_letters(self) -> Queue:
        return Queue(self.dead, self.region)

    def receive(self, *, wait_seconds: int | None = None, hidden_seconds: int | None = None) -> list[Message]:
        """Take up to BATCH messages; nobody else gets them for `hidden_seconds` (HIDDEN_SECONDS). Waits for the first (WAIT_SECONDS).

        Raises:
            QueueAway, CircuitOpen: SQS cannot be asked.
        """
        found = self._ask(
            "receive_message", MaxNumberOfMessages=BATCH, AttributeNames=["ApproximateReceiveCount"],
            WaitTimeSeconds=WAIT_SECONDS if wait_seconds is None else wait_seconds,
            VisibilityTimeout=HIDDEN_SECONDS if hidden_seconds is None else hidden_seconds,
        )  # fmt: skip
        return [_message(raw) for raw in found.get("Messages", [])]

    def delete(self, messages: Iterable[Message]) -> None:
        """Confirm messages. One whose confirmation is lost comes again.

        Raises: as `receive`.
        """
        for some in _tens(messages):
            self._ask("delete_message_batch", Entries=[{"Id": str(number), "ReceiptHandle": one.handle} for number, one in enumerate(some)])

    def show_again(self, messages: Iterable[Message], *, in_seconds: int = 0) -> None:
        """Give messages back, so that somebody may take them.

        Raises: as `receive`.
        """
        for some in _tens(messages):
            entries = [{"Id": str(number), "ReceiptHandle": one.handle, "VisibilityTimeout": in_seconds} for number, one in enumerate(some)]
            self._ask("change_message_visibility_batch", Entries=entries)

    def send(self, bodies: Iterable[str]) -> None:
        """Put texts in.

        Raises: as `receive`. QueueAway also when some were refused.
        """
        for some in _tens(bodies):
            refused = self._ask("send_message_batch", Entries=[{"Id": str(number), "MessageBody": body} for number, body in enumerate(some)]).get("Failed")
            if refused:
                raise QueueAway(f"{len(refused)} messages were refused: {refused[0].get('Code')}")

    def count(self) -> int:
        """Return about how many messages lie in it, those somebody has taken included.

        Raises: as `receive`.
        """
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._ask("get_queue_attributes", AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            made = client.made("sqs", region=self.region, endpoint_url=endpoint_of(self.url), read_seconds=client.READ_SECONDS + WAIT_SECONDS)
            answer: dict[str, Any] = getattr(made, operation)(QueueUrl=self.url, **arguments)
            return answer

        return _guarded(ask)


def queues() -> list[Queue]:
    """Return the queues of the settings. The address says the region; where it does not, it is that of the engine at its place in the chain."""
    dead = settings.MEDIACONVERT_EVENTS_DLQ_URLS or [""] * len(settings.MEDIACONVERT_EVENTS_QUEUE_URLS)
    pairs = enumerate(zip(settings.MEDIACONVERT_EVENTS_QUEUE_URLS, dead, strict=True))
    return [Queue(url, _region(url, number), given_up) for number, (url, given_up) in pairs]


def _region(url: str, number: int) -> str:
    found = _AWS.fullmatch(urlsplit(url).hostname or "")
    if found:
        return found[1]
    regions = settings.MEDIACONVERT_REGIONS or [settings.S3_REGION]
    return str(regions[min(number, len(regions) - 1)])


def endpoint_of(url: str) -> str:
    """Return whom to ask for a queue: its own host, unless that is AWS, which botocore knows."""
    parts = urlsplit(url)
    return "" if _AWS.fullmatch(parts.hostname or "") else f"{parts.scheme}://{parts.netloc}"


def _guarded(ask: Callable[[], T]) -> T:
    try:
        return circuit("sqs", timeout=40.0).call(ask)
    except (BotoCoreError, ClientError) as fault:
        raise QueueAway(f"{type(fault).__name__}: {fault}"[:300]) from fault


def _message(raw: dict[str, Any]) -> Message:
    return Message(raw["MessageId"], raw["ReceiptHandle"], raw["Body"], int(raw.get("Attributes", {}).get("ApproximateReceiveCount", 1)))


def _tens(items: Iterable[T]) -> Iterator[list[T]]:
    found = list(items)
    for start in range(0, len(found), BATCH):
        yield found[start : start + BATCH]
