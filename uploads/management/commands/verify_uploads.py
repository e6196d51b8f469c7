from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from uploads.integrity.verify import Difference, Report, verify_uploads


class Command(BaseCommand):
    help = "Compare stored uploads with what was received. Exits with 1 when any differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=_moment, help="only uploads that changed since, as 2026-01-31 or 2026-01-31T12:00 (UTC)")
        parser.add_argument("--limit", type=_count, help="so many uploads at most, oldest first")
        parser.add_argument("--dry-run", action="store_true", help="only tell; end no upload as corrupt")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        told = (lambda _difference: None) if options["json"] else self._tell
        report = verify_uploads(since=options["since"], limit=options["limit"], dry_run=bool(options["dry_run"]), told=told)
        self.stdout.write(json.dumps(asdict(report) | {"dry_run": bool(options["dry_run"])}) if options["json"] else _summary(report))
        if report.differences:
            raise CommandError(f"{len(report.differences)} uploads differ from what was received.", returncode=1)

    def _tell(self, found: Difference) -> None:
        mark = "ended as corrupt" if found.marked else "left as it is"
        self.stdout.write(f"{found.upload} ({found.state}): {found.length} bytes from {found.start} are {found.fault}; {mark}.")


def _summary(report: Report) -> str:
    more = f", {report.unchained} of them recorded by nobody" if report.unchained else ""
    parts = f"{report.uploads} uploads, {report.bytes} bytes read{more}, {len(report.differences)} differ"
    return f"{parts}; {report.unreadable} unfinished at S3 compared by its sums, {report.gone} ended meanwhile."


def _moment(text: str) -> datetime:
    """Raises: ValueError, which the parser turns into a usage error."""
    moment = parse_datetime(text if parse_date(text) is None else f"{text}T00:00")
    if moment is None:
        raise ValueError(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise ValueError(text)
    return count
