"""Wake-ups through Amazon SQS: a standard queue for each of ours, made when it is missing. At least once, in any order: both are harmless."""

from __future__ import annotations

import os
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django_q.brokers import Broker
from django_q.conf import Conf

from . import sender
from .base import Calm, Message

TAKE_SECONDS = 5  # SQS waits this long for a message: fewer calls, which are what it costs
HIDDEN_SECONDS = 900  # from others, once taken; one that was not confirmed by then is given out again
BATCH = 10  # the most SQS takes at once
_MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


class SqsBroker(Calm, Broker):  # type: ignore[misc]
    """As django-q2's, but nothing is asked before it is used, calls are limited in time, and only clients for this service are made."""

    away = (BotoCoreError, ClientError, OSError)

    def __init__(self, list_key: str | None = None) -> None:
        self._queue = list_key or Conf.CLUSTER_NAME
        self._clients: dict[tuple[int, float], Any] = {}
        self._address = ""
        Broker.__init__(self, f"{settings.TASK_BROKER_PREFIX}{self._queue}")

    @property
    def queue(self) -> str:
        return str(self._queue)

    def wake(self, count: int = 1) -> None:
        sender.SENDER.put(self, count)

    def send(self, count: int) -> None:
        entries = [{"Id": str(number), "MessageBody": self.wake_up} for number in range(min(count, BATCH))]
        self._ask("send_message_batch", Entries=entries)

    def take(self) -> list[Message]:
        found = self._ask("receive_message", patience=TAKE_SECONDS, WaitTimeSeconds=TAKE_SECONDS, VisibilityTimeout=HIDDEN_SECONDS)
        return [(message["ReceiptHandle"], message["Body"]) for message in found.get("Messages", [])]

    def confirm(self, handle: Any) -> None:
        self._ask("delete_message", ReceiptHandle=handle)

    def waiting(self) -> int:
        found = self._ask("get_queue_attributes", AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def oldest_age(self) -> float:
        return 0.0  # only CloudWatch knows

    def drop_stale(self, *, dry_run: bool) -> int:
        return 0  # SQS gives out again what nobody confirmed

    def _ask(self, operation: str, *, patience: float = 0.0, **arguments: Any) -> Any:
        """Ask SQS about our queue, and make the queue if it is missing."""
        client = self._client(patience)
        try:
            return getattr(client, operation)(QueueUrl=self._address or self._find(client), **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
        self._address = client.create_queue(QueueName=self.list_key)["QueueUrl"]  # answers with the same when somebody else was quicker
        return getattr(client, operation)(QueueUrl=self._address, **arguments)

    def _find(self, client: Any) -> str:
        self._address = client.get_queue_url(QueueName=self.list_key)["QueueUrl"]
        return self._address

    def _client(self, patience: float) -> Any:
        """Return this process's client for calls that take TASK_BROKER_SECONDS, or `patience` seconds longer."""
        key = (os.getpid(), patience)
        if key not in self._clients:
            import boto3

            seconds = settings.TASK_BROKER_SECONDS
            limits = Config(connect_timeout=seconds, read_timeout=seconds + patience, retries={"mode": "standard", "total_max_attempts": 1})
            self._clients[key] = boto3.session.Session().client("sqs", config=limits, **Conf.SQS)
        return self._clients[key]
