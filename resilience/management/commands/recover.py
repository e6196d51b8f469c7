"""Put right what a crash, an outage or a lost message left behind: every reaper of every room, then every step, in order."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from resilience import recovery
from resilience.management.use import require_reason
from resilience.reaping import Part


class Command(BaseCommand):
    help = (
        "Take over ended leases, send lost wake-ups again, expire uploads, and whatever else the rooms recover; tell the cache server what it missed; "
        "prove what must hold (--repair puts it right); say which circuits are open and what was given up. "
        "Safe at any time, twice, and beside another. Ends with 1 when a part failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only count what would be done.")
        parser.add_argument("--repair", action="store_true", help="Also put right what check_integrity finds and is safe to.")
        parser.add_argument("--replay", action="append", default=[], metavar="KIND", help="Start dead letters of this kind again, or all.")
        parser.add_argument("--reason", default="", help="Why, for whoever reads the audit log later. Needed with --replay.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        if options["replay"] and not dry_run:
            require_reason(options["reason"])
        parts = recovery.run_all(dry_run=dry_run, repair=options["repair"], replay=tuple(options["replay"]), reason=options["reason"])
        if options["json"]:
            self.stdout.write(json.dumps(_as_data(parts, dry_run=dry_run), indent=2))
        else:
            self._print(parts, dry_run=dry_run)
        if any(part.error for part in parts):
            sys.exit(1)

    def _print(self, parts: list[Part], *, dry_run: bool) -> None:
        for part in parts:
            if part.error:
                self.stdout.write(self.style.ERROR(f"{part.name}: stopped: {part.error}"))
            else:
                counted = f"{part.count}{' to do' if dry_run else ''}" if part.count or not part.said else ""
                self.stdout.write(f"{part.name}: {'. '.join(word for word in (counted, part.said) if word)}")


def _as_data(parts: list[Part], *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "failed": sum(bool(part.error) for part in parts),
        "parts": [{"name": part.name, "count": part.count, "error": part.error, "said": part.said} for part in parts],
    }
