"""Go on with what `pause` stopped."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from resilience.management.use import WRONG_USE, require_reason
from resilience.tasks import pausing
from resilience.tasks.errors import NothingPaused


class Command(BaseCommand):
    help = "End pauses: tasks of the kind or queue begin again within seconds. Ends with 1 when one of them was not paused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kind", action="append", default=[], help="A paused kind of task; may be given more than once.")
        parser.add_argument("--queue", action="append", default=[], help="A paused queue; may be given more than once.")
        parser.add_argument("--all", action="store_true", help="Everything that is paused.")
        parser.add_argument("--reason", default="", help="For whoever reads the audit log later. Needed.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be resumed, and how many tasks are due there.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = [("kind", name) for name in options["kind"]] + [("queue", name) for name in options["queue"]]
        paused = {(pause.scope, pause.name) for pause in pausing.live_pauses()}
        if options["all"]:
            chosen = sorted(paused)
        elif not chosen:
            raise CommandError("Name what to resume with --kind, --queue or --all.", returncode=WRONG_USE)
        if not options["dry_run"]:
            require_reason(options["reason"])
        told = [self._resume(scope, name, dry_run=options["dry_run"], reason=options["reason"], paused=paused) for scope, name in chosen]
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], "resumed": told}, indent=2))
        if any(row["error"] for row in told):
            sys.exit(1)

    def _resume(self, scope: str, name: str, *, dry_run: bool, reason: str, paused: set[tuple[str, str]]) -> dict[str, Any]:
        due, error = 0, ""
        try:
            if dry_run and (scope, name) not in paused:
                raise NothingPaused(scope=scope, name=name)
            due = pausing.waiting(scope, name, due=True) if dry_run else pausing.resume(scope, name, by=None, reason=reason)
        except NothingPaused as refused:
            error = refused.detail
        self.stderr.write(error or f"{'Would resume' if dry_run else 'Resumed'} the {scope} {name}, where {due} tasks are due.")
        return {"scope": scope, "name": name, "due": due, "error": error}
