"""pause, resume, replay_dead_letters, reap_leases: they call the services, look first when asked to, and end with a number that says how it went."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from resilience.models import GroupChange, OperatorAction, Pause, Task
from resilience.models.tasks import TaskState
from resilience.tasks import durable, enqueue
from resilience.tasks.claim import claim_task

pytestmark = pytest.mark.django_db

FINGERPRINT = "c" * 32


@durable("test.commanded")
def commanded(context) -> None: ...


def run(*arguments: str) -> tuple[int, str]:
    """Return how a command would end, and what it printed."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    except CommandError as wrong:
        return wrong.returncode, str(wrong)
    return 0, out.getvalue()


def as_json(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out, stderr=StringIO())
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def dead_letter(**values: Any) -> Task:
    return Task.objects.create(kind="test.commanded", state=TaskState.DEAD, error_fingerprint=FINGERPRINT, finished_at=timezone.now(), **values)


def test_pause_and_resume():
    enqueue("test.commanded")
    assert run("pause") == (0, "Nothing is paused.\n")
    code, said = run("pause", "--kind", "test.commanded", "--queue", "media", "--reason", "disk swap", "--minutes", "30")
    assert code == 0
    assert "kind test.commanded: paused until" in said
    assert "1 waiting: disk swap" in said
    (first, _second) = as_json("pause")["paused"]
    assert (first["name"], first["reason"], first["waiting"], first["by"]) == ("test.commanded", "disk swap", 1, "")
    assert as_json("resume", "--kind", "test.commanded", "--dry-run")["resumed"] == [{"scope": "kind", "name": "test.commanded", "due": 1, "error": ""}]
    assert Pause.objects.count() == 2
    assert run("resume", "--all", "--reason", "swapped")[0] == 0
    assert Pause.objects.count() == 0
    assert list(OperatorAction.objects.order_by("pk").values_list("action", flat=True)) == ["task.pause"] * 2 + ["task.resume"] * 2
    assert run("resume", "--kind", "test.commanded", "--reason", "again")[0] == 1


def test_a_dry_pause_changes_nothing():
    code, said = run("pause", "--kind", "test.commanded", "--reason", "look", "--dry-run")
    assert (code, Pause.objects.count()) == (0, 0)
    assert "Would pause the kind test.commanded, where 0 tasks wait." in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["pause", "--kind", "test.commandeered", "--reason", "typo"],
        ["pause", "--kind", "test.commanded"],
        ["pause", "--kind", "test.commanded", "--reason", "late", "--until", "2001-01-01T00:00Z"],
        ["pause", "--kind", "test.commanded", "--reason", "late", "--until", "tomorrow"],
        ["pause", "--kind", "test.commanded", "--reason", "late", "--minutes", "0"],
        ["resume", "--reason", "nothing named"],
        ["resume", "--all"],
        ["replay_dead_letters", "--reason", "nothing named"],
        ["replay_dead_letters", "not-an-id", "--reason", "typo"],
        ["replay_dead_letters", "--kind", "test.commanded"],
        ["replay_dead_letters", "--kind", "test.commanded", "--reason", "none", "--limit", "0"],
    ],
    ids=lambda arguments: "_".join(arguments)[:60],
)
def test_wrong_use_ends_with_2_and_changes_nothing(arguments):
    Pause.objects.create(scope="queue", name="media", reason="x")
    assert run(*arguments)[0] == 2
    assert Pause.objects.count() == 1
    assert not OperatorAction.objects.exists()


def test_until_takes_a_moment():
    run("pause", "--queue", "media", "--reason", "night", "--until", "2999-01-01T06:00Z")
    assert Pause.objects.get().until.isoformat() == "2999-01-01T06:00:00+00:00"


def test_dead_letters_are_replayed_by_id():
    one, other = dead_letter(), dead_letter()
    Task.objects.filter(pk=other.pk).update(state=TaskState.CANCELED)
    told = as_json("replay_dead_letters", str(one.pk), str(other.pk), "--reason", "mended")
    assert (told["matched"], told["replayed"], told["skipped"]) == (1, 1, 1)
    one.refresh_from_db()
    assert one.state == TaskState.PENDING


def test_dead_letters_are_replayed_by_kind_or_group_in_the_background():
    for _ in range(3):
        dead_letter()
    assert as_json("replay_dead_letters", "--fingerprint", FINGERPRINT, "--dry-run")["matched"] == 3
    assert not GroupChange.objects.exists()
    told = as_json("replay_dead_letters", "--kind", "test.commanded", "--limit", "2", "--reason", "mended")
    change = GroupChange.objects.get()
    assert (told["matched"], told["change"], change.at_most, change.reason) == (2, change.pk, 2, "mended")
    assert Task.objects.filter(kind="resilience.change_group").count() == 1


def test_none_that_match_ends_with_1():
    assert run("replay_dead_letters", "--kind", "test.commanded", "--reason", "none there")[0] == 1


def test_leases_that_ended_are_taken_back():
    task = enqueue("test.commanded")
    claim_task(task.pk)
    assert as_json("reap_leases") == {"dry_run": False, "reaped": 0}
    Task.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert as_json("reap_leases", "--dry-run") == {"dry_run": True, "reaped": 1}
    assert run("reap_leases") == (0, "1 leases were taken back.\n")
    task.refresh_from_db()
    assert (task.state, task.crash_count) == (TaskState.RETRY_WAIT, 1)
