"""Try jobs again that ended badly, or that wait for us."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from processing.models import JobState
from processing.selectors import retryable_jobs
from processing.services.jobs import retry_job
from resilience.errors import AppError

STATES = (JobState.DEAD, JobState.NEEDS_NEW_FILE, JobState.BLOCKED)


class Command(BaseCommand):
    help = "Try jobs again: each video's newest job, if it is dead, blocked or needs a new file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--state", choices=[str(state) for state in STATES], help="only jobs in this state; without it dead and blocked ones")
        parser.add_argument("--code", default="", help="only jobs with this error code")
        parser.add_argument("--limit", type=int, default=1000, help="at most so many (default 1000)")
        parser.add_argument("--reason", default="manage.py retry_jobs", help="goes into the audit log")
        parser.add_argument("--dry-run", action="store_true", help="only say which")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        states = (options["state"],) if options["state"] else (JobState.DEAD, JobState.BLOCKED)
        jobs = list(retryable_jobs(states=states, code=options["code"])[: options["limit"]])
        retried, skipped = [], {}
        for job in jobs:
            try:
                retried.append(job.public_id if options["dry_run"] else retry_job(job, by=None, reason=options["reason"]).public_id)
            except AppError as refused:
                skipped[job.public_id] = refused.code
        report = {"dry_run": options["dry_run"], "found": len(jobs), "retried": retried, "skipped": skipped}
        self.stdout.write(json.dumps(report) if options["json"] else _sentence(report))
        if skipped:
            raise CommandError(f"{len(skipped)} of {len(jobs)} jobs were left as they are.")


def _sentence(report: dict[str, Any]) -> str:
    verb = "would be retried" if report["dry_run"] else "retried"
    return "\n".join([f"{len(report['retried'])} of {report['found']} jobs {verb}.", *report["retried"]])
