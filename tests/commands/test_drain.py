"""`drain`: says what it does, waits if asked, and how it went is in its exit code."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from resilience import draining
from resilience.leases import this_owner
from resilience.management.commands import drain as command
from resilience.models.tasks import TaskState
from tests.admin.rows import make_task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _host_of_its_own(settings, tmp_path, monkeypatch):
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(draining, "_seen", draining._Seen())


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("drain", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_a_host_is_drained_and_resumed():
    code, said = run("--reason", "an update")
    assert code == 0
    assert "This host: drained since" in said
    assert "The fleet: at work." in said
    assert draining.current() is not None
    assert "This host: at work." in run("--resume", "--reason", "done")[1]
    assert draining.current() is None


def test_the_fleet_is_another_matter():
    told = json.loads(run("--fleet", "--reason", "an update", "--json")[1])
    assert told["host"] is None
    assert told["fleet"]["reason"] == "an update"
    assert json.loads(run("--status", "--json")[1])["fleet"]["reason"] == "an update"


def test_a_dry_run_changes_nothing():
    assert "Would drain this host." in run("--dry-run", "--reason", "an update")[1]
    assert draining.current() is None


@pytest.mark.parametrize("arguments", [[], ["--resume"], ["--reason", "x"], ["--reason", "an update", "--wait", "-1"]])
def test_without_a_reason_or_with_nonsense_it_is_wrong_use(arguments):
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert refused.value.returncode == 2
    assert draining.current() is None


def test_waiting_in_vain_ends_with_1(monkeypatch):
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.01)
    make_task(state=TaskState.LEASED, lease_owner=this_owner())
    code, said = run("--reason", "an update", "--wait", "0.05")
    assert code == 1
    assert "1 tasks run here." in said


def test_waiting_ends_when_nothing_runs_here(monkeypatch):
    monkeypatch.setattr(draining, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.01)
    make_task(state=TaskState.LEASED, lease_owner="elsewhere:1:2/3/4")
    assert run("--reason", "an update", "--wait", "30")[0] == 0
    code, said = run("--fleet", "--reason", "an update", "--wait", "0.05")
    assert code == 1
    assert "1 tasks run anywhere." in said
