"""Try jobs again that ended badly, or that wait for us."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from processing.classify import ErrorClass
from processing.models import JobState
from processing.selectors import Retryable, retryable_jobs
from processing.services.chain import configured_chain
from processing.services.jobs import retry_job
from resilience.errors import CATALOGUE, AppError

STATES = (JobState.DEAD, JobState.NEEDS_NEW_FILE, JobState.BLOCKED)
WRONG_USE = 2
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    help = "Try jobs again: each video's newest job, if it is dead, blocked or needs a new file. Only what is missing is made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--state", choices=[str(state) for state in STATES], help="only jobs in this state; without it dead and blocked ones")
        parser.add_argument("--code", default="", help="only jobs with this error code, or with an attempt that failed with it")
        parser.add_argument(
            "--class", default="", dest="error_class", choices=[str(each) for each in ErrorClass], help="only jobs that failed so at least once"
        )
        parser.add_argument("--engine", default="", help="only jobs whose last failure was at this engine, as mediaconvert:eu-west-1")
        parser.add_argument("--age", default="", help="only jobs that ended no longer ago than this: 30m, 2h, 7d")
        parser.add_argument("--to-engine", default="", help="begin with this engine of ENGINES instead of the first")
        parser.add_argument("--limit", type=int, default=1000, help="at most so many (default 1000)")
        parser.add_argument("--reason", default="manage.py retry_jobs", help="goes into the audit log")
        parser.add_argument("--dry-run", action="store_true", help="only say which")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        jobs = list(retryable_jobs(_wanted(options))[: options["limit"]])
        retried, skipped = [], {}
        for job in jobs:
            try:
                again = job if options["dry_run"] else retry_job(job, by=None, reason=options["reason"], engine=options["to_engine"])
                retried.append(again.public_id)
            except AppError as refused:
                skipped[job.public_id] = refused.code
        report = {"dry_run": options["dry_run"], "found": len(jobs), "retried": retried, "skipped": skipped}
        self.stdout.write(json.dumps(report) if options["json"] else _sentence(report))
        if skipped:
            raise CommandError(f"{len(skipped)} of {len(jobs)} jobs were left as they are.")


def _wanted(options: dict[str, Any]) -> Retryable:
    if options["code"] and options["code"] not in {entry.code for entry in CATALOGUE}:
        raise CommandError(f"No error of the catalogue has the code {options['code']}.", returncode=WRONG_USE)
    if options["to_engine"] and options["to_engine"] not in configured_chain():
        raise CommandError(f"{options['to_engine']} is none of the engines: {', '.join(configured_chain())}.", returncode=WRONG_USE)
    states = (options["state"],) if options["state"] else (JobState.DEAD, JobState.BLOCKED)
    return Retryable(states, options["code"], options["error_class"], options["engine"], _age(options["age"]))


def _age(text: str) -> timedelta | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if found is None:
        raise CommandError(f"--age {text} is no length of time: 30m, 2h or 7d.", returncode=WRONG_USE)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _sentence(report: dict[str, Any]) -> str:
    verb = "would be retried" if report["dry_run"] else "retried"
    return "\n".join([f"{len(report['retried'])} of {report['found']} jobs {verb}.", *report["retried"]])
