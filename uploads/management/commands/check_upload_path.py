from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from uploads.pathcheck.checks import Finding, check_path
from uploads.pathcheck.token import token_for_now

COULD_NOT_ASK = 2
_GOOD = "All is well: an upload that is interrupted goes on where it stopped."
_MARKS = {True: "ok   ", False: "FAILS", None: "note "}


class Command(BaseCommand):
    help = (
        "Ask from outside whether interrupted uploads survive the way to the server: half a PATCH, a drop, a HEAD. "
        "Ends with 0 when they do, with 1 when something on the way fails, and with 2 when it could not be asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="how people reach us, as https://holdfast.example")
        parser.add_argument("--token", default="", help="an API token of that server; without it one is made for the moment, in our own database")
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        url = str(options["url"]).rstrip("/")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise CommandError("The address must begin with http:// or https://, as in https://holdfast.example.", returncode=COULD_NOT_ASK)
        try:
            if options["token"]:
                findings = check_path(url, str(options["token"]))
            else:
                with token_for_now() as token:
                    findings = check_path(url, token)
        except OSError as failure:
            raise CommandError(f"Nobody answers at {url}: {failure}.", returncode=COULD_NOT_ASK) from failure
        failed = any(finding.passed is False for finding in findings)
        if options["json"]:
            self.stdout.write(json.dumps({"url": url, "passed": not failed, "findings": [asdict(finding) for finding in findings]}))
        else:
            self._print(findings)
        if failed:
            raise SystemExit(1)

    def _print(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.stdout.write(f"{_MARKS[finding.passed]}  {finding.text}")
        failed = sum(finding.passed is False for finding in findings)
        self.stdout.write(f"\n{failed} of {len(findings)} checks failed; what to change stands beside each." if failed else f"\n{_GOOD}")
