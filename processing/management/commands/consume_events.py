"""Take in what MediaConvert tells of its jobs, through SQS."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.events.consumer import Consumer
from processing.events.queues import queues

WRONG_USE = 2
LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = "Take in news of jobs from the queues of MEDIACONVERT_EVENTS_QUEUE_URL until SIGTERM or SIGINT. Any number of copies may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=1, help="That read each queue.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["threads"] < 1:
            raise CommandError("--threads must be 1 or more.", returncode=WRONG_USE)
        found = queues()
        if not found:
            raise CommandError("MEDIACONVERT_EVENTS_QUEUE_URL names no queue, so there is nothing to read.", returncode=WRONG_USE)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        consumers = [Consumer(queue, stop) for queue in found for _ in range(options["threads"])]
        for consumer in consumers:
            consumer.start()
        self.stdout.write(f"Reading {', '.join(queue.name for queue in found)}.")
        while any(consumer.is_alive() for consumer in consumers):
            for consumer in consumers:
                consumer.join(LOOK_SECONDS)
