"""Put news that was given up back in line, or drop it."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.events import dead
from processing.events.queues import Queue, QueueAway, queues
from resilience.circuits import CircuitOpen

WRONG_USE = 2


class Command(BaseCommand):
    help = "Put messages of the dead letter queues of news back where consumers read them; some by their ids, or all. Ends with 1 if SQS did not do it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", help="Ids of messages, as --dry-run shows them.")
        parser.add_argument("--all", action="store_true", help=f"All of them, {dead.MOST} of each queue at most.")
        parser.add_argument("--discard", action="store_true", help="Drop them for good instead.")
        parser.add_argument("--reason", default="", help="For whoever reads the audit log later. Needed.")
        parser.add_argument("--dry-run", action="store_true", help="Only show what lies there.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = [queue for queue in queues() if queue.dead]
        if not found:
            raise CommandError("MEDIACONVERT_EVENTS_DLQ_URL names no dead letter queue.", returncode=WRONG_USE)
        if not options["dry_run"] and bool(options["ids"]) == options["all"]:
            raise CommandError("Name either ids or --all.", returncode=WRONG_USE)
        if not options["dry_run"] and len(options["reason"].strip()) < 3:
            raise CommandError("Say why with --reason: others will ask.", returncode=WRONG_USE)
        told, failed = {}, []
        for queue in found:
            try:
                told[queue.name] = self._do(queue, options)
            except (QueueAway, CircuitOpen) as away:
                failed.append(f"{queue.name}: {away}")
        self._tell(told, failed, options)
        if failed:
            sys.exit(1)

    def _do(self, queue: Queue, options: dict[str, Any]) -> Any:
        if options["dry_run"]:
            return {letter.message_id: letter.about for letter in dead.peek(queue)}
        change = dead.discard if options["discard"] else dead.replay
        return change(queue, ids=options["ids"] or None, by=None, reason=options["reason"])

    def _tell(self, told: dict[str, Any], failed: list[str], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], "queues": told, "failed": failed}, indent=2))
            return
        for name, what in told.items():
            if options["dry_run"]:
                self.stdout.write("\n".join([f"{name}: {len(what)} messages", *(f"  {message_id}  {about}" for message_id, about in what.items())]))
            else:
                self.stdout.write(f"{name}: {what} {'discarded' if options['discard'] else 'put back in line'}.")
        for line in failed:
            self.stderr.write(line)
