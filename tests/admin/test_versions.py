"""Two people over one row: whoever saves second sees both versions, keeps what was typed, and chooses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from processing.models import RetryPolicy
from resilience.models import OperatorAction, TaskPolicy
from tests.admin.test_policies import OF_THE_FORM, page, retry_policy

pytestmark = pytest.mark.django_db
FORM = {**OF_THE_FORM, "enabled": "on", "engines": "[]"}


def opened(client: Client, row: Any) -> dict[str, str]:
    """What the page of a row carries for saving it."""
    shown = client.get(page(row)).content.decode()
    return {"seen": re.search(r'name="seen" value="([0-9a-f]+)"', shown)[1]}


@pytest.mark.parametrize(
    "row", [retry_policy, lambda: TaskPolicy.objects.get_or_create(kind="resilience.canary", defaults={"tries": 3})[0]], ids=["retry", "task"]
)
def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unseen(operator: Client, row: Any) -> None:
    row = row()
    mine, theirs = opened(operator, row), opened(operator, row)
    given = {**FORM, "timeout_s": ""}
    assert operator.post(page(row), {**given, **theirs, "tries": "7"}).status_code == 302
    answer = operator.post(page(row), {**given, **mine, "tries": "9", "reason": "my own words"})
    assert answer.status_code == 409
    row.refresh_from_db()
    assert row.tries == 7
    shown = answer.content.decode()
    assert ">7</td>" in shown
    assert "<strong>9</strong>" in shown
    assert 'name="reason" value="my own words"' in shown
    chosen = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', shown))
    assert operator.post(page(row), chosen).status_code == 302
    row.refresh_from_db()
    assert row.tries == 9
    assert OperatorAction.objects.count() == 2


def test_a_page_that_carries_no_version_saves_nothing(operator: Client) -> None:
    row = retry_policy()
    assert operator.post(page(row), {**FORM, "tries": "9"}).status_code == 409
    assert RetryPolicy.objects.get(pk=row.pk).tries == 3


def test_a_form_that_was_refused_can_be_saved_once_it_is_right(operator: Client) -> None:
    row = retry_policy()
    answer = operator.post(page(row), {**FORM, **opened(operator, row), "tries": "-1"})
    assert answer.status_code == 200
    again = re.search(r'name="seen" value="([0-9a-f]+)"', answer.content.decode())[1]
    assert operator.post(page(row), {**FORM, "seen": again, "tries": "9"}).status_code == 302


def test_a_row_that_is_gone_is_not_there(operator: Client) -> None:
    row = retry_policy()
    address = page(row)
    row.delete()
    assert operator.post(address, {**FORM, "seen": "x"}).status_code == 302  # to the front page, with a word
    assert operator.post(address.replace(str(row.pk or 0), "abc"), {**FORM, "seen": "x"}).status_code in (302, 404)
