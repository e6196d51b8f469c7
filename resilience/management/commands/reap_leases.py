"""Take back tasks whose worker is gone or whose lease has ended, without waiting for a worker's own sweep."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from resilience.tasks import sweep

ROUNDS = 1_000  # of REAP_LIMIT each; a round that finds nothing is the last


class Command(BaseCommand):
    help = "Take back tasks whose worker is gone or whose lease has ended: they run again, or are dead letters after the third crash. Safe at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only count them, as far as one round goes.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of a line.")

    def handle(self, *args: Any, **options: Any) -> None:
        count = sweep.reap_leases(dry_run=True) if options["dry_run"] else _reap_all()
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], "reaped": count}))
        else:
            self.stdout.write(f"{count} leases {'would be' if options['dry_run'] else 'were'} taken back.")


def _reap_all() -> int:
    total = 0
    for _ in range(ROUNDS):
        count = sweep.reap_leases()
        total += count
        if not count:
            break
    return total
