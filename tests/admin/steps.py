"""How an operator makes a change in the console."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse


def list_address(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def ask(client: Client, row: Any, action: str, *more: Any, **values: Any) -> Any:
    """Post an action on one or more rows, as the list or a row's button does."""
    return client.post(list_address(type(row)), {"action": action, "_selected_action": [each.pk for each in (row, *more)], **values})


def do(client: Client, row: Any, action: str, *more: Any, reason: str = "the disk was full", **values: Any) -> str:
    """Confirm an action, and return the notice the operator reads."""
    answer = ask(client, row, action, *more, confirmed="yes", reason=reason, **values)
    assert answer.status_code == 302, answer.text[:2000]
    page = client.get(answer["Location"])
    return " ".join(str(message) for message in page.context["messages"])


def signed_in(user: Any) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(user)
    return client
