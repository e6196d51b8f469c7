"""Make our tables and MediaConvert agree."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.events.reconcile import Reconciled, reconcile, regions_in_use

WRONG_USE = 2


class Command(BaseCommand):
    help = (
        "Ask MediaConvert about every job we wait for, end what takes too long, and look through what it lists for jobs nobody knows. "
        "Takes about a second for each live job. Ends with 1 if something could not be asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--region", action="append", help="Only this region; may be given more than once.")
        parser.add_argument("--dry-run", action="store_true", help="Change nothing; list, and say what would be done.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        known = regions_in_use(settings.MEDIACONVERT_REGIONS)
        wanted = options["region"] or known
        if strange := [region for region in wanted if region not in known]:
            raise CommandError(f"{', '.join(strange)}: neither in ENGINES nor in use. In use: {', '.join(known) or 'none'}.", returncode=WRONG_USE)
        if not wanted:
            raise CommandError("ENGINES names no mediaconvert:<region>, and no attempt of ours is at one.", returncode=WRONG_USE)
        done = reconcile(wanted, dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **asdict(done)}, indent=2))
        else:
            self._tell(done, dry_run=options["dry_run"])
        if done.failed:
            sys.exit(1)

    def _tell(self, done: Reconciled, *, dry_run: bool) -> None:
        if dry_run:
            self.stdout.write(f"{done.live} jobs would be asked about.")
        else:
            self.stdout.write(f"{done.asked} of {done.live} jobs asked about, {done.changed} had gone on unseen.")
        self.stdout.write(f"{done.stalled} took too long, {done.resumed} that nobody worked on begun again.")
        for region, swept in done.regions.items():
            said = ", ".join(f"{value} {name}" for name, value in swept.items())
            self.stdout.write(f"{region}: {said}")
        for line in done.failed:
            self.stderr.write(line)
