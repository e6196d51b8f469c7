"""`recover` runs every part, says how each went, and a part that fails keeps no other from running."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from resilience import integrity, reapers, recovery
from resilience.cache import sync
from resilience.models import Circuit, GroupChange, OperatorAction, Task
from resilience.models.tasks import TaskState
from resilience.reapers import reaper
from tests.admin.rows import make_run, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of this test's own."""
    monkeypatch.setattr(reapers, "_REAPERS", {})
    monkeypatch.setattr(recovery, "_STEPS", {})


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("recover", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def parts_of(*arguments: str) -> dict[str, dict[str, Any]]:
    code, out = run("--json", *arguments)
    assert code == 0, out
    return {part["name"]: part for part in json.loads(out)["parts"]}


@pytest.mark.usefixtures("_parts")
def test_parts_run_in_order_and_are_counted() -> None:
    seen: list[str] = []

    def first(*, dry_run: bool) -> int:
        seen.append("first")
        return 3

    def second(*, dry_run: bool) -> int:
        seen.append("second")
        return 0

    reaper("take_over")(first)
    reaper("wake")(second)
    assert run() == (0, "take_over: 3\nwake: 0\n")
    assert seen == ["first", "second"]


@pytest.mark.usefixtures("_parts")
def test_one_that_fails_is_told_and_the_rest_still_runs() -> None:
    def broken(*, dry_run: bool) -> int:
        raise OSError("the disk is gone")

    def sound(*, dry_run: bool) -> int:
        return 2

    reaper("broken")(broken)
    reaper("sound")(sound)
    code, out = run("--json")
    assert code == 1
    assert json.loads(out) == {
        "dry_run": False,
        "failed": 1,
        "parts": [
            {"name": "broken", "count": 0, "error": "OSError: the disk is gone", "said": ""},
            {"name": "sound", "count": 2, "error": "", "said": ""},
        ],
    }


@pytest.mark.usefixtures("_parts")
def test_two_parts_cannot_share_a_name() -> None:
    def one(*, dry_run: bool) -> int:
        return 0

    def other(*, dry_run: bool) -> int:
        return 0

    reaper("same")(one)
    reaper("same")(one)
    with pytest.raises(ValueError, match="same"):
        reaper("same")(other)


@pytest.mark.django_db(transaction=True)
def test_an_ended_lease_is_only_counted_by_a_dry_run_and_taken_over_by_a_real_one() -> None:
    task = make_task(kind="resilience.canary", state=TaskState.LEASED, lease_epoch=1, attempt=1, lease_expires_at=timezone.now() - timedelta(minutes=3))
    make_run(task, outcome="", ended_at=None)

    code, out = run("--dry-run", "--json")
    assert code == 0
    assert {part["name"]: part["count"] for part in json.loads(out)["parts"]}["reap_leases"] == 1
    task.refresh_from_db()
    assert task.state == TaskState.LEASED

    code, out = run("--json")
    assert code == 0, out
    assert {part["name"]: part["count"] for part in json.loads(out)["parts"]}["reap_leases"] == 1
    task.refresh_from_db()
    assert task.state != TaskState.LEASED
    assert task.runs.get().outcome != ""


def test_a_database_that_is_away_is_told_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away(*, dry_run: bool) -> int:
        raise OperationalError("connection refused\n\tIs the server running?")

    monkeypatch.setattr(reapers, "_REAPERS", {})
    monkeypatch.setattr(recovery, "_STEPS", {})
    reaper("reap_leases")(away)
    code, out = run()
    assert code == 1
    assert out == "reap_leases: stopped: OperationalError: connection refused Is the server running?\n"


def test_it_says_which_circuits_are_open_and_what_was_given_up_and_changes_neither() -> None:
    Circuit.objects.create(name="mail", state="open", last_error="SMTPConnectError: refused")
    dead = [make_task(kind="test.dead", state=TaskState.DEAD) for _ in range(2)]
    code, out = run()
    assert code == 0
    assert "circuits: mail is open (SMTPConnectError: refused)" in out
    assert "dead_letters: 2 of test.dead" in out
    assert {task.state for task in Task.objects.filter(pk__in=[task.pk for task in dead])} == {TaskState.DEAD}


def test_dead_letters_start_again_where_asked_for_with_a_reason() -> None:
    for kind in ("test.one", "test.one", "test.two"):
        make_task(kind=kind, state=TaskState.DEAD)
    with pytest.raises(CommandError) as wrong:
        run("--replay", "test.one")
    assert wrong.value.returncode == 2
    assert parts_of("--replay", "all", "--dry-run")["dead_letters"]["count"] == 3
    assert not GroupChange.objects.exists()
    assert parts_of("--replay", "test.one", "--reason", "mended")["dead_letters"]["count"] == 2
    assert parts_of("--replay", "all", "--replay", "test.none", "--reason", "mended")["dead_letters"]["count"] == 3
    assert sorted(GroupChange.objects.values_list("kind", "matched")) == [("test.one", 2), ("test.one", 2), ("test.two", 1)]
    assert OperatorAction.objects.filter(action="task.replay_group", reason="mended").count() == 3
    assert parts_of("--replay", "test.none", "--reason", "mended")["dead_letters"] == {
        "name": "dead_letters", "count": 0, "error": "", "said": "They start again in the background.",
    }  # fmt: skip


@pytest.mark.parametrize(("answers", "waiting", "code"), [(True, 0, 0), (False, 3, 1)], ids=["told", "server away"])
def test_a_cache_server_that_was_not_told_everything_is_a_failure(answers: bool, waiting: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    process = sync.ProcessCache(pid=1, at="", state="connected" if answers else "fallback", waiting=waiting, forgotten=0, losses=0)
    found = sync.Standing(shared=True, answers=answers, error="" if answers else "refused", processes=(process,))
    monkeypatch.setattr(sync, "standing", lambda: found)
    monkeypatch.setattr(sync, "synchronise", lambda *, wait_seconds: found)
    assert run("--json")[0] == code
    assert run("--dry-run")[0] == 0


def test_what_must_hold_is_told_and_repaired_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"one", "two", "beyond mending"}

    def find() -> Iterator[integrity.Breach]:
        yield from [integrity.Breach(subject, "is wrong") for subject in sorted(broken)]

    def mend(breach: integrity.Breach) -> bool:
        if breach.subject == "beyond mending":
            return False
        broken.discard(breach.subject)
        return True

    monkeypatch.setattr(integrity, "_RULES", {})
    assert parts_of()["check_integrity"]["said"] == "Everything holds."
    integrity.rule("test.rule", about="Nothing is wrong.", repair=mend)(find)
    for arguments in ((), ("--repair", "--dry-run")):
        found = parts_of(*arguments)["check_integrity"]
        assert (found["count"], found["said"]) == (0, "3 against test.rule. See `manage.py check_integrity`.")
    code, out = run("--repair", "--json")
    found = {part["name"]: part for part in json.loads(out)["parts"]}["check_integrity"]
    assert (code, found["count"], found["error"]) == (1, 2, "1 against test.rule.")
    broken.clear()
    assert run("--repair")[0] == 0


@pytest.mark.usefixtures("_parts")
def test_a_step_that_fails_keeps_no_other_from_being_taken() -> None:
    @recovery.step("broken")
    def broken(_options: recovery.Options) -> recovery.Found:
        raise OSError("the disk\nis gone")

    @recovery.step("sound")
    def sound(_options: recovery.Options) -> recovery.Found:
        return recovery.Found(count=2, said="Done")

    assert run() == (1, "broken: stopped: OSError: the disk is gone\nsound: 2. Done\n")
    with pytest.raises(ValueError, match="Two steps"):
        recovery.step("sound")(broken)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_take_over_a_lease_once() -> None:
    task = make_task(kind="resilience.canary", state=TaskState.LEASED, lease_epoch=1, attempt=1, lease_expires_at=timezone.now() - timedelta(minutes=3))
    make_run(task, outcome="", ended_at=None)
    told: list[tuple[int, str]] = []

    def recover() -> None:
        try:
            told.append(run("--json"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=recover) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [code for code, _out in told] == [0, 0], told
    counts = [{part["name"]: part["count"] for part in json.loads(out)["parts"]}["reap_leases"] for _code, out in told]
    assert sorted(counts) == [0, 1]
    assert task.runs.count() == 1
