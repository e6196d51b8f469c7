"""Say what we make of an error code, or of an engine's own words."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from processing.classify import ErrorClass
from processing.services.explain import Explained, explain

WRONG_USE = 2


class Command(BaseCommand):
    help = "Explain an error: its class, what is decided, what the owner reads, and what an operator does first. Exits 1 for what nothing is known about."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("error", nargs="+", help="a code (1010, ENCODING_STALLED, TooManyRequestsException), or raw words, as the job's page shows them")
        parser.add_argument("--engine", default="", help="where it failed, as mediaconvert:eu-west-1 or local; without it the engine that says so")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        text = " ".join(options["error"]).strip()
        if not text:
            raise CommandError("Say which error: a code, or an engine's own words.", returncode=WRONG_USE)
        found = explain(text, engine=options["engine"])
        if options["json"]:
            self.stdout.write(json.dumps({"error": text, "meanings": [each.as_json() for each in found]}, indent=2))
        else:
            self.stdout.write("\n\n".join(_lines(each) for each in found))
        if all(each.error_class == ErrorClass.UNCLASSIFIED for each in found):
            raise CommandError("Nothing is known about these words: give them an entry of their own in the catalogue.")


def _lines(each: Explained) -> str:
    steps = [f"  {number}. {step}" for number, step in enumerate(each.steps, start=1)]
    looked = ["  First our own look at the file says whose fault it is; then, if it stays so:"] if each.looked_into else []
    return "\n".join(
        [
            each.said,
            f"Class: {each.error_class} ({each.code})",
            "Decided, as long as it fails so:",
            *looked,
            *steps,
            f"Its owner reads: {each.title}. {each.user_reads}",
            f"An operator first: {each.operator_first}",
        ]
    )
