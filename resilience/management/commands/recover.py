"""Put right what a crash, an outage or a lost message left behind: every part any room registered, in order."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from resilience import recovery


class Command(BaseCommand):
    help = "Take over ended leases, send lost wake-ups again, expire uploads, and whatever else the rooms recover. Safe at any time, and twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only count what would be done.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        parts = recovery.run_all(dry_run=dry_run)
        if options["json"]:
            self.stdout.write(json.dumps(_as_data(parts, dry_run=dry_run), indent=2))
        else:
            self._print(parts, dry_run=dry_run)
        if any(part.error for part in parts):
            sys.exit(1)

    def _print(self, parts: list[recovery.Part], *, dry_run: bool) -> None:
        for part in parts:
            if part.error:
                self.stdout.write(self.style.ERROR(f"{part.name}: stopped: {part.error}"))
            else:
                self.stdout.write(f"{part.name}: {part.count}{' to do' if dry_run else ''}")


def _as_data(parts: list[recovery.Part], *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "failed": sum(bool(part.error) for part in parts),
        "parts": [{"name": part.name, "count": part.count, "error": part.error} for part in parts],
    }
