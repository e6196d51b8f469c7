"""Stop beginning tasks of a kind or a queue."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from resilience.errors import AppError
from resilience.management.use import WRONG_USE, require_reason
from resilience.tasks import pausing


class Command(BaseCommand):
    help = "Stop beginning tasks of a kind or a queue: what runs ends by itself, what waits keeps its place. Without either, list what is paused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kind", action="append", default=[], help="A kind of task, such as uploads.inspect; may be given more than once.")
        parser.add_argument("--queue", action="append", default=[], help="A queue, such as media; may be given more than once.")
        parser.add_argument("--reason", default="", help="For whoever reads the audit log later. Needed.")
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--minutes", type=float, help="Resume by itself after so many minutes.")
        end.add_argument("--until", help="Resume by itself at this moment, as 2026-05-01T18:30Z.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be paused, and how many tasks wait there.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = [("kind", name) for name in options["kind"]] + [("queue", name) for name in options["queue"]]
        if chosen:
            self._pause(chosen, options)
        told = [_told(pause) for pause in pausing.live_pauses()]
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], "paused": told}, indent=2))
            return
        for row in told:
            end = f"until {row['until']}" if row["until"] else "until it is resumed"
            self.stdout.write(f"{row['scope']} {row['name']}: paused {end}, {row['waiting']} waiting: {row['reason']}")
        if not told:
            self.stdout.write("Nothing is paused.")

    def _pause(self, chosen: list[tuple[str, str]], options: dict[str, Any]) -> None:
        require_reason(options["reason"])
        until = _until(options)
        for scope, name in chosen:
            if name not in pausing.names_of(scope):
                raise CommandError(f"No {scope} is called {name}. There are: {', '.join(pausing.names_of(scope))}", returncode=WRONG_USE)
        for scope, name in chosen:
            if options["dry_run"]:
                self.stderr.write(f"Would pause the {scope} {name}, where {pausing.waiting(scope, name)} tasks wait.")
                continue
            try:
                pausing.pause(scope, name, by=None, reason=options["reason"], until=until)
            except AppError as refused:
                raise CommandError(refused.detail, returncode=WRONG_USE) from None


def _until(options: dict[str, Any]) -> datetime | None:
    if options["minutes"] is not None:
        if options["minutes"] <= 0:
            raise CommandError("--minutes must be more than 0.", returncode=WRONG_USE)
        return timezone.now() + timedelta(minutes=options["minutes"])
    if options["until"] is None:
        return None
    try:
        moment = parse_datetime(options["until"])
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{options['until']!r} is no moment; one is 2026-05-01T18:30Z.", returncode=WRONG_USE)
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _told(pause: Any) -> dict[str, Any]:
    return {
        "scope": pause.scope,
        "name": pause.name,
        "reason": pause.reason,
        "by": pause.by.get_username() if pause.by else "",
        "since": pause.since.isoformat(),
        "until": pause.until.isoformat() if pause.until else None,
        "waiting": pausing.waiting(pause.scope, pause.name),
    }
