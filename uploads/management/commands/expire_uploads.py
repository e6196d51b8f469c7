from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from uploads.services.expire import expire_uploads, reap_orphans


class Command(BaseCommand):
    help = "End uploads nobody finished in time, and remove bytes that belong to none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = bool(options["dry_run"])
        counts = {"expired": expire_uploads(dry_run=dry_run), "orphans": reap_orphans(dry_run=dry_run)}
        if options["json"]:
            self.stdout.write(json.dumps(counts | {"dry_run": dry_run}))
            return
        would = "would be " if dry_run else ""
        self.stdout.write(f"{counts['expired']} uploads {would}expired, {counts['orphans']} files without an upload {would}removed.")
