"""Reapers in the console: what is overdue is marked, and "run now" asks for a reason and is written down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from resilience.doctor import State, work
from resilience.models import OperatorAction, Reaper
from resilience.monitor import Monitor
from tests.admin.rows import staff_with

pytestmark = pytest.mark.django_db
LIST = "admin:resilience_reaper_changelist"


def make_reaper(name: str, **values: object) -> Reaper:
    return Reaper.objects.create(**{"name": name, "every": timedelta(hours=1), "due_at": timezone.now() + timedelta(minutes=30), **values})


def test_what_nobody_runs_is_marked_and_what_runs_on_time_is_not(operator: Client) -> None:
    now = timezone.now()
    make_reaper("on.time", ended_at=now)
    make_reaper("late", due_at=now - timedelta(minutes=61), ended_at=now)
    make_reaper("abandoned", lease_until=now - timedelta(minutes=6))
    make_reaper("broken", error="OSError: disk", failures=3)
    html = operator.get(reverse(LIST)).text
    rows = {name: html.split(f">{name}</a>")[1].split("</tr>")[0] for name in ("on.time", "late", "abandoned", "broken")}
    assert {name for name, row in rows.items() if "overdue" in row} == {"late", "abandoned"}
    assert "failed 3 ×" in rows["broken"]


def test_run_now_makes_it_due_with_a_reason_in_the_audit_log(client: Client) -> None:
    row = make_reaper("uploads.expire")
    person = staff_with("resilience.view_reaper", "resilience.run_reaper")
    client.force_login(person)
    post = {"action": "run", "_selected_action": [row.pk]}
    asked = client.post(reverse(LIST), post)
    row.refresh_from_db()
    assert row.due_at > timezone.now(), "nothing is done before it is confirmed"
    assert "reason" in asked.text
    client.post(reverse(LIST), {**post, "confirmed": "1", "reason": "the disk fills up"})
    row.refresh_from_db()
    assert row.due_at <= timezone.now()
    action = OperatorAction.objects.get()
    assert (action.actor, action.action, action.reason) == (person, "reaper.run", "the disk fills up")


def test_who_may_only_look_cannot_run(client: Client) -> None:
    row = make_reaper("uploads.expire")
    client.force_login(staff_with("resilience.view_reaper"))
    client.post(reverse(LIST), {"action": "run", "_selected_action": [row.pk], "confirmed": "1", "reason": "why not"})
    row.refresh_from_db()
    assert row.due_at > timezone.now()
    assert not OperatorAction.objects.exists()


def test_the_front_page_names_what_nobody_clears_up_and_says_how_the_machine_is(operator: Client) -> None:
    now = timezone.now()
    make_reaper("on.time", ended_at=now)
    make_reaper("late.one", due_at=now - timedelta(days=1))
    make_reaper("broken.one", error="OSError: disk <gone>")
    Monitor("web", replace=None).look_at_memory(now=0.0)
    html = operator.get(reverse("admin:index")).text
    assert "late.one" in html
    assert "OSError: disk &lt;gone&gt;" in html
    assert "on.time" not in html
    assert "Disk of VAR_DIR" in html
    assert "Web processes" in html


def test_the_doctor_finds_what_nobody_clears_up() -> None:
    assert work.reapers().state is State.OK
    make_reaper("broken", error="OSError: disk")
    assert "broken (OSError: disk)" in work.reapers().said
    make_reaper("late", due_at=timezone.now() - timedelta(days=1))
    found = work.reapers()
    assert (found.state, found.said) == (State.WARNING, "Nobody runs late.")
