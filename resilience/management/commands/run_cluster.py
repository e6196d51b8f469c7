"""Run one task cluster for the supervisor that started this process. People start `run_worker`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from resilience.tasks.cluster import run_cluster


class Command(BaseCommand):
    help = "Part of run_worker: one cluster under its supervisor. Not for use by hand."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("queue")
        parser.add_argument("--parent", type=int, required=True, help="Process id of the supervisor.")

    def handle(self, *args: Any, **options: Any) -> None:
        run_cluster(options["queue"], parent_pid=options["parent"])
