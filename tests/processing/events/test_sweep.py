"""What MediaConvert lists is compared with what we know, page by page, within the budget."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from processing.engines.base import Failure, News, Observation
from processing.engines.mediaconvert import client
from processing.events import budget, sweep
from processing.models import Attempt, AttemptState, RemoteOrphan
from processing.services import remote
from resilience.circuits import CircuitOpen
from resilience.models import Task

from .conftest import MakeAttempt
from .envelopes import ENV, REGION

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "take", lambda *_, **__: 0.0)


class Listed:
    """MediaConvert's list, newest first; every call is noted."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.away: Exception | None = None

    def add(self, job_id: str, *, attempt_id: str = "", env: str = ENV, status: str = "PROGRESSING", hours: float = 0) -> None:
        metadata = {"env": env, "attempt_id": attempt_id} if attempt_id or env != ENV else {}
        made = datetime.now(UTC) - timedelta(hours=hours)
        self.jobs.append({"Id": job_id, "Status": status, "CreatedAt": made, "UserMetadata": metadata})

    def call(self, region: str, operation: str, **arguments: Any) -> dict[str, Any]:
        assert (region, operation, arguments["MaxResults"]) == (REGION, "list_jobs", 20)
        self.calls.append(arguments)
        if self.away:
            raise self.away
        start = int(arguments.get("NextToken", 0))
        more = {"NextToken": str(start + 20)} if len(self.jobs) > start + 20 else {}
        return {"Jobs": self.jobs[start : start + 20], **more}


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Listed:
    found = Listed()
    monkeypatch.setattr(client, "call", found.call)
    return found


def test_a_job_whose_answer_was_lost_is_adopted(listed: Listed, make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(state=AttemptState.SUBMITTING)
    listed.add("j-lost", attempt_id=attempt.public_id)
    assert sweep.sweep_region(REGION).adopted == 1
    attempt.refresh_from_db()
    assert (attempt.external_id, attempt.state) == ("j-lost", AttemptState.SUBMITTED)


def test_a_job_of_an_attempt_that_is_over_is_stopped(listed: Listed, make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(state=AttemptState.CANCELED, external_id="")
    listed.add("j-late", attempt_id=attempt.public_id)
    assert sweep.sweep_region(REGION).stopped == 1
    assert Task.objects.get(kind="processing.cancel_remote").payload["external_id"] == "j-late"
    assert RemoteOrphan.objects.get().state == "canceled"


def test_what_names_nobody_or_somebody_unknown_is_shown_and_left_alone(listed: Listed) -> None:
    listed.add("j-by-hand")
    listed.add("j-unknown", attempt_id="att_gone")
    listed.add("j-staging", attempt_id="att_x", env="staging")
    swept = sweep.sweep_region(REGION)
    assert (swept.seen, swept.orphans, swept.foreign) == (3, 2, 1)
    assert set(RemoteOrphan.objects.filter(state="open").values_list("external_id", flat=True)) == {"j-by-hand", "j-unknown"}
    assert not Task.objects.filter(kind="processing.cancel_remote").exists()


def test_what_has_ended_there_and_not_here_is_asked_about(listed: Listed, make_attempt: MakeAttempt) -> None:
    behind, level = make_attempt(), make_attempt(state=AttemptState.FAILED)
    listed.add(behind.external_id, attempt_id=behind.public_id, status="COMPLETE")
    listed.add(level.external_id, attempt_id=level.public_id, status="ERROR")
    swept = sweep.sweep_region(REGION)
    assert (swept.known, swept.asked) == (2, 1)
    assert Task.objects.get(kind="processing.ask").key == behind.public_id


def test_jobs_that_ended_and_were_never_known_are_no_orphans_if_ours(listed: Listed) -> None:
    listed.add("j-old", attempt_id="att_deleted", status="COMPLETE")
    sweep.sweep_region(REGION)
    assert not RemoteOrphan.objects.exists()


def test_each_page_is_a_task_that_puts_down_the_next_until_yesterday(listed: Listed) -> None:
    for number in range(60):
        listed.add(f"j-{number}", env="staging", hours=number)
    assert sweep.begin() == 1
    for _ in range(5):
        task = Task.objects.filter(kind=sweep.PAGE).order_by("-created_at", "-run_at").first()
        assert task is not None
        Task.objects.filter(kind=sweep.PAGE).delete()
        sweep.sweep_page(**task.payload)
        if not Task.objects.filter(kind=sweep.PAGE).exists():
            break
    assert [call.get("NextToken") for call in listed.calls] == [None, "20"]


def test_a_page_waits_for_the_budget(listed: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "take", lambda *_, **__: 3.0)
    with pytest.raises(CircuitOpen):
        sweep.sweep_page(region=REGION)
    assert not listed.calls


def test_two_sweeps_of_a_region_at_once_are_one(listed: Listed) -> None:
    assert (sweep.begin(), sweep.begin()) == (1, 0)


def reconcile(*options: str) -> tuple[dict[str, Any], int]:
    out = StringIO()
    try:
        call_command("reconcile_mediaconvert", "--json", *options, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        return json.loads(out.getvalue()), int(ended.code or 0)
    return json.loads(out.getvalue()), 0


def test_the_command_asks_about_everything_and_says_what_it_did(listed: Listed, make_attempt: MakeAttempt, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = [make_attempt(), make_attempt()]
    monkeypatch.setattr(remote, "ask", lambda attempt: Observation(News.COMPLETE if attempt.pk == attempts[0].pk else News.SUBMITTED))
    listed.add("j-by-hand")
    would, code = reconcile("--dry-run")
    assert (would["live"], would["asked"], would["regions"][REGION]["orphans"], code) == (2, 0, 1, 0)
    assert not RemoteOrphan.objects.exists()
    done, code = reconcile()
    assert (done["live"], done["asked"], done["changed"], code) == (2, 2, 1, 0)
    assert Attempt.objects.get(pk=attempts[0].pk).state == AttemptState.VERIFYING
    assert RemoteOrphan.objects.count() == 1


def test_the_command_fails_when_a_region_does_not_answer(listed: Listed) -> None:
    listed.away = client.Unreachable(Failure("botocore", "EndpointConnectionError", "nobody there"))
    done, code = reconcile()
    assert code == 1
    assert "could not be listed" in done["failed"][0]


def test_the_command_refuses_a_region_nobody_uses() -> None:
    with pytest.raises(CommandError, match="In use: eu-west-1") as refused:
        call_command("reconcile_mediaconvert", "--region", "us-east-1")
    assert refused.value.returncode == 2


def test_the_command_says_it_in_plain_words(listed: Listed) -> None:
    out = StringIO()
    call_command("reconcile_mediaconvert", stdout=out)
    assert "0 of 0 jobs asked about" in out.getvalue()
