"""`recover` runs every part, says how each went, and a part that fails keeps no other from running."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from resilience import reapers
from resilience.models.tasks import TaskState
from resilience.reapers import reaper
from tests.admin.rows import make_run, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of this test's own."""
    monkeypatch.setattr(reapers, "_REAPERS", {})


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("recover", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


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
        "parts": [{"name": "broken", "count": 0, "error": "OSError: the disk is gone"}, {"name": "sound", "count": 2, "error": ""}],
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
    reaper("reap_leases")(away)
    code, out = run()
    assert code == 1
    assert out == "reap_leases: stopped: OperationalError: connection refused Is the server running?\n"
