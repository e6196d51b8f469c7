"""Prove what must hold across tables and stores; put right what is safe to."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from resilience import integrity


class Command(BaseCommand):
    help = "Check the rules no constraint can hold. Ends with 0 when all hold (or were repaired), 1 when something is left, 2 for a wrong argument."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--repair", action="store_true", help="Put right what is safe to.")
        what.add_argument("--dry-run", action="store_true", help="Only look; this is what happens without --repair.")
        parser.add_argument("--rule", action="append", choices=[rule.name for rule in integrity.all_rules()], help="Only this rule; may be repeated.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        outcomes = []
        for outcome in integrity.check_all(repair=options["repair"], only=options["rule"]):
            outcomes.append(outcome)
            if not options["json"]:
                self._print(outcome)
        clean = all(outcome.is_clean for outcome in outcomes)
        if options["json"]:
            self.stdout.write(json.dumps({"clean": clean, "rules": [_as_data(outcome) for outcome in outcomes]}, indent=2))
        if not clean:
            sys.exit(1)

    def _print(self, outcome: integrity.Outcome) -> None:
        if outcome.error:
            self.stdout.write(self.style.ERROR(f"{outcome.name}: the check stopped: {outcome.error}"))
            return
        mended = f", {outcome.repaired} repaired" if outcome.repaired else ""
        line = f"{outcome.name}: {f'{outcome.found} found{mended}' if outcome.found else 'holds'}"
        self.stdout.write(self.style.SUCCESS(line) if outcome.is_clean else self.style.ERROR(line))
        for breach in outcome.shown:
            self.stdout.write(f"  {breach.subject}: {breach.said}")
        if outcome.found > len(outcome.shown):
            self.stdout.write(f"  … and {outcome.found - len(outcome.shown)} more")


def _as_data(outcome: integrity.Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "about": outcome.about,
        "found": outcome.found,
        "repaired": outcome.repaired,
        "shown": [{"subject": breach.subject, "said": breach.said} for breach in outcome.shown],
        "error": outcome.error,
    }
