"""Jobs nobody tells us about are asked about: those that were quiet longest first, less and less often, and never more than the budget allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from processing.engines.base import EngineFailure, Failure, News, Observation
from processing.events import budget, watch
from processing.events.take import take
from processing.models import Attempt, AttemptState, CallBudget, EngineEvent
from processing.services import remote
from resilience.circuits import CircuitOpen
from resilience.models import Task
from resilience.models.tasks import TaskState

from .conftest import MakeAttempt
from .envelopes import message

pytestmark = pytest.mark.django_db
COMPLETE = Observation(News.COMPLETE, percent=100.0)
LOST = Observation(News.ERROR, failure=Failure("engine", "LOST", "not known"))


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "RATE", 1 / 3600)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What MediaConvert says of a job, by attempt: an observation or an exception. `asked` counts the questions."""
    answers: dict[str, Any] = {"asked": 0}

    def ask(attempt: Attempt) -> Observation:
        answers["asked"] += 1
        found = answers[attempt.public_id]
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Observation)
        return found

    monkeypatch.setattr(remote, "ask", ask)
    return answers


def pass_time(seconds: float) -> None:
    gone = timedelta(seconds=seconds)
    Attempt.objects.update(observed_at=F("observed_at") - gone, polled_at=F("polled_at") - gone, started_at=F("started_at") - gone)


def is_due(attempt: Attempt) -> bool:
    return watch.due().filter(pk=attempt.pk).exists()


def asked() -> set[str]:
    return set(Task.objects.filter(kind=watch.ASK, state=TaskState.PENDING).values_list("key", flat=True))


def test_it_is_asked_about_after_three_silent_intervals(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    assert not is_due(attempt)
    pass_time(44)
    assert watch.silent_after() == timedelta(seconds=45)
    pass_time(2)
    assert is_due(attempt)


@pytest.mark.parametrize("state", [AttemptState.SUBMITTING, AttemptState.VERIFYING, AttemptState.SUCCEEDED, AttemptState.FAILED])
def test_only_what_is_under_way_elsewhere_is_asked_about(make_attempt: MakeAttempt, state: str) -> None:
    attempt = make_attempt(state=state)
    pass_time(3600)
    assert not is_due(attempt)


def test_the_local_engine_is_not_asked(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(engine="local")
    pass_time(3600)
    assert not is_due(attempt)


def test_without_success_it_is_asked_less_and_less_often(make_attempt: MakeAttempt, says: dict[str, Any]) -> None:
    attempt = make_attempt()
    says[attempt.public_id] = EngineFailure(Failure("botocore", "ReadTimeoutError", ""))
    pass_time(60)
    for minutes in (1, 2, 4, 8, 10, 10):
        assert is_due(attempt)
        assert watch.ask(attempt.public_id, paid=True) is None
        pass_time(minutes * 60 - 20)
        assert not is_due(attempt), f"asked again before {minutes} minutes"
        pass_time(30)


def test_news_that_comes_by_itself_begins_the_count_anew(make_attempt: MakeAttempt, says: dict[str, Any]) -> None:
    attempt = make_attempt()
    says[attempt.public_id] = Observation(News.PROGRESSING, percent=10.0, phase="transcoding")
    for _ in range(4):
        pass_time(700)
        watch.ask(attempt.public_id, paid=True)
    attempt.refresh_from_db()
    assert attempt.polls == 4
    pass_time(10)
    assert take(message("STATUS_UPDATE", job_id=attempt.external_id, attempt_id=attempt.public_id), message_id="m") == "applied"
    pass_time(60)
    assert is_due(attempt)
    watch.ask(attempt.public_id, paid=True)
    attempt.refresh_from_db()
    assert attempt.polls == 1


def test_an_end_nobody_told_us_is_found_and_counted_as_lost_news(make_attempt: MakeAttempt, says: dict[str, Any]) -> None:
    attempt = make_attempt()
    says[attempt.public_id] = COMPLETE
    assert watch.ask(attempt.public_id, paid=True) == "applied"
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.VERIFYING
    event = EngineEvent.objects.get()
    assert (event.source, event.news, event.ended) == ("poll", "COMPLETE", True)
    assert take(message("COMPLETE", job_id=attempt.external_id, attempt_id=attempt.public_id), message_id="m") == "no_change"
    assert EngineEvent.objects.filter(ended=True).count() == 1


def test_the_engine_is_believed_over_what_was_told_before(make_attempt: MakeAttempt, says: dict[str, Any]) -> None:
    attempt = make_attempt()
    take(message("COMPLETE", job_id=attempt.external_id, attempt_id=attempt.public_id), message_id="m")
    take(message("ERROR", job_id=attempt.external_id, attempt_id=attempt.public_id, errorCode=1999, errorMessage="Unknown error"), message_id="n")
    says[attempt.public_id] = Observation(News.ERROR, failure=Failure("mediaconvert", "1999", "Unknown error"))
    assert watch.ask(attempt.public_id, paid=True) == "applied"
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.FAILED
    assert EngineEvent.objects.get(source="poll").said == "COMPLETE was said before."


def test_a_job_the_engine_does_not_know_is_lost_when_it_says_so_twice(make_attempt: MakeAttempt, says: dict[str, Any]) -> None:
    attempt = make_attempt()
    says[attempt.public_id] = LOST
    assert watch.ask(attempt.public_id, paid=True) == "no_change"
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.SUBMITTED
    pass_time(90)
    assert watch.ask(attempt.public_id, paid=True) == "applied"
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.LOST


def test_what_rests_is_asked_later_and_costs_no_count(make_attempt: MakeAttempt, says: dict[str, Any]) -> None:
    attempt = make_attempt()
    says[attempt.public_id] = CircuitOpen(circuit=f"engine.{attempt.engine}", retry_after=5)
    with pytest.raises(CircuitOpen):
        watch.ask(attempt.public_id, paid=True)
    attempt.refresh_from_db()
    assert attempt.polls == 0


def test_a_question_that_was_not_paid_for_takes_a_token_or_waits(make_attempt: MakeAttempt, says: dict[str, Any]) -> None:
    attempt = make_attempt()
    says[attempt.public_id] = COMPLETE
    budget.take(10)
    CallBudget.objects.update(tokens=0.0)
    with pytest.raises(CircuitOpen):
        watch.ask(attempt.public_id)
    assert says["asked"] == 0
    CallBudget.objects.update(tokens=1.0)
    assert watch.ask(attempt.public_id) == "applied"
    assert budget.left() < 1


def test_of_many_that_are_due_as_many_are_asked_as_the_budget_allows_the_quietest_first(make_attempt: MakeAttempt) -> None:
    attempts = [make_attempt() for _ in range(14)]
    pass_time(60)
    for attempt in attempts[5:]:
        Attempt.objects.filter(pk=attempt.pk).update(observed_at=Now() - timedelta(hours=1))
    assert watch.watch_remote(dry_run=True) == 14
    assert watch.watch_remote() == 10
    assert {attempt.public_id for attempt in attempts[5:]} <= asked()
    assert watch.watch_remote() == 0
    CallBudget.objects.update(tokens=10.0)
    assert watch.watch_remote() == 4
    assert asked() == {attempt.public_id for attempt in attempts}


def test_jobs_whose_news_flows_cost_no_question_whatever_was_asked_before(make_attempt: MakeAttempt, says: dict[str, Any]) -> None:
    attempts = [make_attempt() for _ in range(3)]
    for attempt in attempts:
        says[attempt.public_id] = Observation(News.SUBMITTED)
        watch.ask(attempt.public_id, paid=True)
    pass_time(3600)
    Attempt.objects.update(observed_at=Now() - timedelta(seconds=20))
    assert watch.watch_remote() == 0
    assert not CallBudget.objects.exists()


def test_a_region_that_rests_keeps_nobody_else_from_being_asked(make_attempt: MakeAttempt, monkeypatch: pytest.MonkeyPatch) -> None:
    resting, awake = make_attempt(), make_attempt(engine="mediaconvert:eu-central-1")
    pass_time(60)
    monkeypatch.setattr(watch, "rests", lambda name: 30.0 if name.endswith("eu-west-1") else 0.0)
    assert watch.watch_remote() == 1
    assert asked() == {awake.public_id}
    assert is_due(resting)
