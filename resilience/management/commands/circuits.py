"""Look at circuits, and force them by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from resilience.admin_display import seconds_in_words
from resilience.circuits import control
from resilience.management.use import WRONG_USE, require_reason
from resilience.models import Circuit
from resilience.models.circuits import CircuitState

FORCING: dict[str, Callable[..., None]] = {"open": control.force_open, "close": control.force_closed, "disable": control.disable}
DONE = {"open": "forced open", "close": "forced closed", "disable": "disabled", "reset": "reset"}


class Command(BaseCommand):
    help = (
        "List circuits (no arguments), or force some: open lets no call through, close lets every one through, disable does too and counts none, reset ends it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", nargs="?", default="list", choices=["list", *DONE], help="What to do; list without it.")
        parser.add_argument("names", nargs="*", metavar="NAME", help="Circuits, such as s3 or engine.local.")
        parser.add_argument("--reason", default="", help="For whoever reads the audit log later. Needed for every change.")
        parser.add_argument("--minutes", type=float, help="End what is forced after so many minutes; without it, it lasts until a reset.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        action, names, dry_run = options["action"], options["names"], options["dry_run"]
        _check(action, names, options)
        if action != "list" and not dry_run:
            self._change(action, names, options)
        rows = Circuit.objects.select_related("forced_by").order_by("name")
        told = [_told(row) for row in (rows.filter(name__in=names) if names else rows)]
        if options["json"]:
            self.stdout.write(json.dumps({"action": action, "dry_run": dry_run, "circuits": told}, indent=2))
            return
        if action != "list":
            self.stdout.write(f"{'Would be' if dry_run else 'Now'} {DONE[action]}: {', '.join(names)}")
        for row in told:
            self.stdout.write(_line(row))
        if not told:
            self.stdout.write("There are no circuits yet: each is there from its first call on.")

    def _change(self, action: str, names: list[str], options: dict[str, Any]) -> None:
        until = timezone.now() + timedelta(minutes=options["minutes"]) if options["minutes"] is not None else None
        for name in names:
            if action == "reset":
                control.reset(name, by=None, reason=options["reason"])
            else:
                FORCING[action](name, by=None, reason=options["reason"], until=until)


def _check(action: str, names: list[str], options: dict[str, Any]) -> None:
    """Raises CommandError, 2, for what makes no sense; nothing was changed."""
    known = list(Circuit.objects.order_by("name").values_list("name", flat=True))
    for name in names:
        if name not in known:
            raise CommandError(f"No circuit is called {name}. There are: {', '.join(known) or 'none yet'}", returncode=WRONG_USE)
    if action == "list":
        return
    if not names:
        raise CommandError(f"Name the circuits to {action}. There are: {', '.join(known) or 'none yet'}", returncode=WRONG_USE)
    if not options["dry_run"]:
        require_reason(options["reason"])
    if options["minutes"] is not None and (action == "reset" or not 0 < options["minutes"] <= 525_600):
        raise CommandError("--minutes is a number above 0, at most a year's, and not for a reset.", returncode=WRONG_USE)


def _told(row: Circuit) -> dict[str, Any]:
    return {
        "name": row.name,
        "state": row.state,
        "version": row.version,
        "calls": row.window_calls,
        "failures": row.window_failures,
        "slow": row.window_slow,
        "until": _moment(row.forced_until if row.is_forced else row.open_until),
        "forced_by": row.forced_by.get_username() if row.forced_by else "",
        "forced_reason": row.forced_reason,
        "last_error": row.last_error,
        "last_error_at": _moment(row.last_error_at),
        "limits": row.limits,
    }


def _line(row: dict[str, Any]) -> str:
    said = f"{row['name']}: {CircuitState(row['state']).label.lower()}"
    if row["forced_reason"]:
        said += f" ({row['forced_reason']}; {_end(row['until'])})"
    elif row["until"]:
        said += f" ({_end(row['until'])})"
    said += f"; {row['calls']} calls counted, {row['failures']} failed, {row['slow']} slow"
    return f"{said}; last error: {row['last_error']}" if row["last_error"] else said


def _end(until: str | None) -> str:
    if until is None:
        return "until it is reset"
    left = (datetime.fromisoformat(until) - timezone.now()).total_seconds()
    return f"for {seconds_in_words(left)} more" if left > 0 else "its time is over: the next call decides"


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
