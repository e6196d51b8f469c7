"""Changes operators make to tickets: answers and states."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from resilience.models import OperatorAction
from support.models import Ticket, TicketState
from tests.admin.rows import staff_with
from tests.admin.steps import do, signed_in
from tests.factories import make_video

pytestmark = pytest.mark.django_db


def make_ticket(**values: Any) -> Ticket:
    video = make_video()
    return Ticket.objects.create(owner=video.owner, video=video, subject="It does not play", **values)


def test_a_ticket_is_answered_from_its_own_page() -> None:
    person = staff_with("support.view_ticket", "support.answer_ticket")
    client = signed_in(person)
    ticket = make_ticket()
    assert "Send the answer" in client.get(reverse("admin:support_ticket_change", args=[ticket.pk])).text
    assert do(client, ticket, "reply", body="We are on it.") == "1 answered"
    ticket.refresh_from_db()
    assert ticket.state == TicketState.WAITING_ON_USER
    message = ticket.messages.get()
    assert (message.author, message.from_staff, message.body) == (person, True, "We are on it.")
    assert OperatorAction.objects.get().action == "ticket.reply"


def test_a_closed_ticket_takes_no_answer(operator: Client) -> None:
    ticket = make_ticket(state=TicketState.CLOSED)
    assert "Send the answer" not in operator.get(reverse("admin:support_ticket_change", args=[ticket.pk])).text
    assert do(operator, ticket, "reply", body="Hello?").startswith("0 answered, 1 skipped: The conversation was closed")
    assert not OperatorAction.objects.exists()


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("solve", TicketState.WAITING_ON_US, TicketState.SOLVED),
        ("close", TicketState.SOLVED, TicketState.CLOSED),
        ("reopen", TicketState.CLOSED, TicketState.WAITING_ON_US),
    ],
)
def test_a_ticket_changes_its_state(operator: Client, action: str, before: str, after: str) -> None:
    ticket = make_ticket(state=before)
    do(operator, ticket, action)
    ticket.refresh_from_db()
    assert ticket.state == after
    assert "1 skipped" in do(operator, ticket, action)
