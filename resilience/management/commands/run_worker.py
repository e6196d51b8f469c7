"""Run the durable tasks: one django-q2 cluster per queue, supervised, and the sweep."""

from __future__ import annotations

import os
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from resilience.tasks import brokers
from resilience.tasks.supervisor import Supervisor
from resilience.whole_files import replace_text


class Command(BaseCommand):
    help = "Run the durable tasks of all queues until SIGTERM or SIGINT. Any number of workers may run against one database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", action="append", choices=brokers.queues(), help="Serve only this queue; may be given more than once.")

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor(options["queue"] or brokers.queues())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stop())
        pid_file = settings.VAR_DIR / "run" / "worker.pid"
        replace_text(pid_file, f"{os.getpid()}\n")
        try:
            supervisor.run()
        finally:
            if pid_file.exists() and pid_file.read_text().strip() == str(os.getpid()):
                pid_file.unlink()
