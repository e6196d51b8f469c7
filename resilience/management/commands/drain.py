"""Before an update: begin nothing new on this host, or anywhere; and afterwards go on."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from resilience import draining
from resilience.draining import Drain, Scope
from resilience.leases import this_place
from resilience.management.use import WRONG_USE, require_reason
from resilience.models import Task
from resilience.models.tasks import TaskState

NOT_DONE = 1
LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Begin no task and take no new upload on this host (with --fleet: on any), until --resume. What has begun goes on to its end. "
        "It outlives a restart. Ends with 1 when --wait ran out of time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--resume", action="store_true", help="Take up work again.")
        what.add_argument("--status", action="store_true", help="Only say what is drained, and what still runs.")
        parser.add_argument("--fleet", action="store_true", help="Every host, not only this one.")
        parser.add_argument("--reason", default="", help="For whoever reads the audit log later. Needed, but for --status.")
        parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="Wait until nothing runs any more, so many seconds at most.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        scope = Scope.FLEET if options["fleet"] else Scope.HOST
        if options["wait"] < 0:
            raise CommandError("--wait takes seconds, 0 or more.", returncode=WRONG_USE)
        if not options["status"]:
            self._change(scope, options)
        running = _running(scope)
        if not options["resume"] and not options["dry_run"]:
            running = _wait(scope, options["wait"])
        self._tell(scope, running, options)
        if options["wait"] and running:
            sys.exit(NOT_DONE)

    def _change(self, scope: Scope, options: dict[str, Any]) -> None:
        require_reason(options["reason"])
        if options["dry_run"]:
            return
        if options["resume"]:
            draining.end(scope, reason=options["reason"])
        else:
            draining.begin(scope, reason=options["reason"])

    def _tell(self, scope: Scope, running: int, options: dict[str, Any]) -> None:
        host, fleet = draining.of_host(), draining.of_fleet()
        if options["json"]:
            told = {"dry_run": options["dry_run"], "host": draining.as_data(host), "fleet": draining.as_data(fleet), "scope": str(scope), "running": running}
            self.stdout.write(json.dumps(told, indent=2))
            return
        if options["dry_run"]:
            self.stdout.write(f"Would {'resume' if options['resume'] else 'drain'} {'every host' if scope is Scope.FLEET else 'this host'}.")
        self.stdout.write(f"This host: {_said(host)}")
        self.stdout.write(f"The fleet: {_said(fleet)}")
        self.stdout.write(f"{running} tasks run {'anywhere' if scope is Scope.FLEET else 'here'}.")


def _said(drain: Drain | None) -> str:
    return "at work." if drain is None else f"drained since {drain.since:%Y-%m-%d %H:%M} UTC: {drain.reason}"


def _running(scope: Scope) -> int:
    running = Task.objects.filter(state=TaskState.LEASED)
    return (running if scope is Scope.FLEET else running.filter(lease_owner__startswith=f"{this_place()}/")).count()


def _wait(scope: Scope, seconds: float) -> int:
    """Return how many still run when the time is over. Whoever looked just before the drain began may have claimed one more: so one look is not enough."""
    deadline = time.monotonic() + seconds
    quiet_since: float | None = None
    while True:
        running, now = _running(scope), time.monotonic()
        quiet_since = None if running else (quiet_since or now)
        if now >= deadline or (quiet_since is not None and now - quiet_since > 2 * draining.LOOK_SECONDS):
            return running
        time.sleep(LOOK_SECONDS)
