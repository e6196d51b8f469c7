"""News that was given up can be seen, put back and dropped: in the console and from the command line, with a reason, on record."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from processing.events import consumer, dead, queues
from processing.events.queues import Queue, QueueAway
from processing.models import Attempt, AttemptState, RemoteOrphan
from resilience.models import OperatorAction, Task
from tests.admin.rows import staff_with

from .conftest import MakeAttempt
from .envelopes import ENGINE, message
from .test_consumer import GO_ON, queue  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "WAIT_SECONDS", 0)
    monkeypatch.setattr(dead, "WAIT_SECONDS", 0)


@pytest.fixture
def given_up(queue: Queue, make_attempt: MakeAttempt) -> list[Attempt]:  # noqa: F811
    """Three jobs whose end lies among the dead letters."""
    attempts = [make_attempt() for _ in range(3)]
    queue.dead_letters.send(message("COMPLETE", job_id=each.external_id, attempt_id=each.public_id) for each in attempts)
    return attempts


def browser(*permissions: str) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(staff_with("processing.view_eventqueue", *permissions))
    return client


PAGE = reverse("admin:processing_eventqueue_dead_letters")


def test_looking_leaves_them_where_they_are(queue: Queue, given_up: list[Attempt]) -> None:  # noqa: F811
    for _ in range(2):
        page = browser().get(PAGE)
        assert all(attempt.public_id in page.text for attempt in given_up)
    assert 'name="action"' not in page.text
    assert queue.dead_letters.count() == 3


def test_all_are_put_back_and_taken_in(queue: Queue, given_up: list[Attempt]) -> None:  # noqa: F811
    answer = browser("processing.replay_event").post(PAGE, {"queue": queue.name, "action": "replay", "reason": "the fault is mended"}, follow=True)
    assert "3 put back in line." in answer.text
    assert (queue.count(), queue.dead_letters.count()) == (3, 0)
    consumer.read_once(queue, stop=GO_ON)
    assert Attempt.objects.filter(state=AttemptState.VERIFYING).count() == 3
    action = OperatorAction.objects.get(action="event.replay")
    assert (action.target, action.reason, action.count) == (queue.name, "the fault is mended", 3)


def test_one_is_chosen_and_the_others_stay(queue: Queue, given_up: list[Attempt]) -> None:  # noqa: F811
    chosen = dead.peek(queue)[0].message_id
    operator = browser("processing.replay_event")
    operator.post(PAGE, {"queue": queue.name, "action": "discard", "reason": "of no use", "message": [chosen]})
    assert (queue.count(), queue.dead_letters.count()) == (0, 2)
    assert chosen not in {letter.message_id for letter in dead.peek(queue)}


@pytest.mark.parametrize("given", [{"reason": ""}, {"action": "explode"}])
def test_without_a_reason_or_with_another_action_nothing_happens(queue: Queue, given_up: list[Attempt], given: dict[str, str]) -> None:  # noqa: F811
    answer = browser("processing.replay_event").post(PAGE, {"queue": queue.name, "action": "replay", "reason": "because"} | given)
    assert answer.status_code == 200
    assert queue.dead_letters.count() == 3


def test_who_may_only_look_may_not_change(queue: Queue, given_up: list[Attempt]) -> None:  # noqa: F811
    assert browser().post(PAGE, {"queue": queue.name, "action": "replay", "reason": "because"}).status_code == 403
    assert queue.dead_letters.count() == 3


def test_without_sqs_the_page_says_so(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def away(*_: Any, **__: Any) -> None:
        raise QueueAway("EndpointConnectionError")

    monkeypatch.setattr(Queue, "_ask", away)
    operator = browser("processing.replay_event")
    assert "EndpointConnectionError" in operator.get(PAGE).text
    answer = operator.post(PAGE, {"queue": queue.name, "action": "replay", "reason": "because"}, follow=True)
    assert "What is left lies where it lay" in answer.text


def test_who_dies_between_putting_back_and_deleting_has_them_twice_to_no_effect(
    queue: Queue, given_up: list[Attempt], monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    def die(name: str) -> None:
        raise SystemExit

    with monkeypatch.context() as killed:
        killed.setattr(dead, "point", die)
        killed.setattr(dead, "HIDDEN_SECONDS", 0)
        with pytest.raises(SystemExit):
            dead.replay(queue, ids=None, by=None, reason="because")
    assert dead.replay(queue, ids=None, by=None, reason="because") == 3
    assert consumer.read_once(queue, stop=GO_ON) == 6
    assert Task.objects.filter(kind="processing.verify").count() == 3


def test_the_command_shows_replays_and_says_how_many(queue: Queue, given_up: list[Attempt]) -> None:  # noqa: F811
    out = StringIO()
    call_command("replay_events", "--dry-run", "--json", stdout=out)
    ids = list(json.loads(out.getvalue())["queues"][queue.name])
    assert len(ids) == 3
    out = StringIO()
    call_command("replay_events", ids[0], "--reason", "mended", stdout=out)
    assert "1 put back in line." in out.getvalue()
    assert (queue.count(), queue.dead_letters.count()) == (1, 2)


@pytest.mark.parametrize("wrong", [(), ("--all",), ("id", "--all", "--reason", "because")])
def test_the_command_refuses_what_is_unclear(queue: Queue, wrong: tuple[str, ...]) -> None:  # noqa: F811
    with pytest.raises(CommandError) as refused:
        call_command("replay_events", *wrong)
    assert refused.value.returncode == 2


def test_an_orphan_is_canceled_or_dismissed_with_a_reason(db: None) -> None:
    rows = [RemoteOrphan.objects.create(engine=ENGINE, external_id=f"j-{number}", source="sweep", status="PROGRESSING") for number in range(2)]
    operator = browser("processing.view_remoteorphan", "processing.cancel_orphan")
    for row, action in zip(rows, ("cancel", "dismiss"), strict=True):
        given = {"action": action, "confirmed": "yes", "reason": "made by hand", "_selected_action": [row.pk]}
        operator.post(reverse("admin:processing_remoteorphan_changelist"), given)
    assert [RemoteOrphan.objects.get(pk=row.pk).state for row in rows] == ["canceled", "dismissed"]
    assert Task.objects.get(kind="processing.cancel_remote").payload["external_id"] == "j-0"
    assert OperatorAction.objects.filter(reason="made by hand").count() == 2
