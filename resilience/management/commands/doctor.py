"""Look at everything the house stands on, and say how to mend what is wrong."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from resilience import doctor

MARKS = {doctor.State.OK: "ok     ", doctor.State.WARNING: "warning", doctor.State.FAILED: "FAILED "}


class Command(BaseCommand):
    help = "Check every dependency, version, permission and limit, with the mend in words. Ends with 1 when something failed."
    requires_system_checks: list[str] = []  # a wrong setting is a finding too, and must not stop the others

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--aws", action="store_true", help="Look at the AWS account instead: keys, buckets, MediaConvert, news, quotas.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        checkups = doctor.examine("aws") if options["aws"] else doctor.run_all()
        states = [checkup.finding.state for checkup in checkups]
        if options["json"]:
            self.stdout.write(json.dumps(_as_data(checkups), indent=2))
        else:
            self._print(checkups)
        if doctor.State.FAILED in states:
            sys.exit(1)

    def _print(self, checkups: list[doctor.Checkup]) -> None:
        styles = {doctor.State.OK: self.style.SUCCESS, doctor.State.WARNING: self.style.WARNING, doctor.State.FAILED: self.style.ERROR}
        width = max(len(checkup.name) for checkup in checkups)
        for checkup in checkups:
            finding = checkup.finding
            self.stdout.write(f"{styles[finding.state](MARKS[finding.state])}  {checkup.name:<{width}}  {finding.said}")
            if finding.mend:
                self.stdout.write(f"{'':9}{'':<{width}}  → {finding.mend}")
        counts = {state: sum(checkup.finding.state == state for checkup in checkups) for state in doctor.State}
        self.stdout.write(f"\n{counts[doctor.State.OK]} ok, {counts[doctor.State.WARNING]} warnings, {counts[doctor.State.FAILED]} failed")


def _as_data(checkups: list[doctor.Checkup]) -> dict[str, Any]:
    return {
        "failed": sum(checkup.finding.state == doctor.State.FAILED for checkup in checkups),
        "checks": [
            {
                "name": checkup.name,
                "state": checkup.finding.state.value,
                "said": checkup.finding.said,
                "mend": checkup.finding.mend,
                "seconds": round(checkup.seconds, 3),
            }
            for checkup in checkups
        ],
    }
