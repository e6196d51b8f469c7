"""Start dead letters again: some by their ids, or all of a kind or a group in the background."""

from __future__ import annotations

import json
import sys
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from resilience.management.use import WRONG_USE, require_reason
from resilience.models import Task
from resilience.models.tasks import TaskState
from resilience.tasks import dead, groups
from resilience.tasks.errors import NoDeadLetters


class Command(BaseCommand):
    help = "Start dead letters again, tries counted from zero, history kept. By kind or fingerprint a task does it in batches. Ends with 1 if none matched."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", help="Ids of tasks.")
        parser.add_argument("--kind", default="", help="All dead letters of this kind.")
        parser.add_argument("--fingerprint", default="", help="All dead letters that failed in this way.")
        parser.add_argument("--limit", type=int, help="At most so many.")
        parser.add_argument("--reason", default="", help="For whoever reads the audit log later. Needed.")
        parser.add_argument("--dry-run", action="store_true", help="Only count what matches.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        by_group = options["kind"] or options["fingerprint"]
        if bool(options["ids"]) == bool(by_group):
            raise CommandError("Name either ids, or --kind and --fingerprint or one of them.", returncode=WRONG_USE)
        if not options["dry_run"]:
            require_reason(options["reason"])
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.", returncode=WRONG_USE)
        told = self._by_group(options) if by_group else self._by_id(options)
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **told}, indent=2))
        else:
            self.stdout.write(_sentence(told, dry_run=options["dry_run"]))
        if not told["matched"]:
            sys.exit(1)

    def _by_id(self, options: dict[str, Any]) -> dict[str, Any]:
        ids = [_id(text) for text in options["ids"]][: options["limit"]]
        matched = Task.objects.filter(pk__in=ids, state=TaskState.DEAD).count()
        if options["dry_run"]:
            return {"matched": matched, "replayed": 0, "skipped": len(ids) - matched, "change": None}
        outcome = dead.replay_many(ids, by=None, reason=options["reason"])
        return {"matched": matched, "replayed": outcome.done, "skipped": len(ids) - outcome.done, "change": None}

    def _by_group(self, options: dict[str, Any]) -> dict[str, Any]:
        chosen = {"kind": options["kind"], "fingerprint": options["fingerprint"]}
        if options["dry_run"]:
            matched = groups.dead_letters(**chosen).count()
            return {"matched": min(matched, options["limit"] or matched), "replayed": 0, "skipped": 0, "change": None}
        try:
            change = groups.change_all("replay", **chosen, at_most=options["limit"], by=None, reason=options["reason"])
        except NoDeadLetters:
            return {"matched": 0, "replayed": 0, "skipped": 0, "change": None}
        return {"matched": change.matched, "replayed": 0, "skipped": 0, "change": change.pk}


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise CommandError(f"{text!r} is no task's id.", returncode=WRONG_USE) from None


def _sentence(told: dict[str, Any], *, dry_run: bool) -> str:
    if dry_run or not told["matched"]:
        return f"{told['matched']} dead letters match."
    if told["change"] is not None:
        return f"{told['matched']} dead letters start again in the background, ten a second (change {told['change']} in /admin/)."
    return f"{told['replayed']} replayed, {told['skipped']} skipped."
