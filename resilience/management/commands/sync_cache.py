"""Tell the cache server what processes of this host wrote while it was away, and say how their caches are."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from resilience.cache import sync


class Command(BaseCommand):
    help = "Have every process of this host tell the cache server now what waits; by themselves they do within half a minute. Ends with 1 when any cannot."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say how it is.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")
        parser.add_argument("--wait", type=float, default=10.0, metavar="SECONDS", help="How long to wait until all have (10).")

    def handle(self, *args: Any, **options: Any) -> None:
        found = sync.standing() if options["dry_run"] else sync.synchronise(wait_seconds=options["wait"])
        self.stdout.write(json.dumps(found.as_data(), indent=2) if options["json"] else "\n".join(_lines(found)))
        if not found.is_well:
            sys.exit(1)


def _lines(found: sync.Standing) -> list[str]:
    if not found.shared:
        return ["Each process has a cache of its own (CACHE_URL is empty): there is nothing to tell anybody."]
    lines = ["The server answers." if found.answers else f"The server does not answer: {found.error}"]
    for process in found.processes:
        forgotten = f", {process.forgotten} too many to keep" if process.forgotten else ""
        lines.append(f"Process {process.pid}: {process.state}, {process.waiting} writes waiting{forgotten}")
    if not found.processes:
        lines.append("No process of this host has used it yet.")
    return lines
