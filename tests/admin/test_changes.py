"""Changes operators make: asked first, with a reason, refused kindly, written down, and open only to whom they are given."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client, RequestFactory
from django.urls import reverse

from processing.models import Attempt, AttemptState, Job, JobState
from resilience.admin_actions import ConsoleAdmin
from resilience.models import Circuit, OperatorAction, Task
from resilience.models.circuits import CircuitState
from resilience.models.tasks import TaskState
from resilience.tasks.runner import run_due
from tests.admin.rows import make_circuit, make_dead_job, make_everything, make_task, staff_with
from tests.admin.steps import ask, do, list_address, signed_in
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db


def whole_database() -> dict[str, list[Any]]:
    return {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in admin.site._registry if model._meta.app_label != "auth"}


def every_action() -> list[tuple[Any, str]]:
    request = RequestFactory().get("/")
    request.user = make_user(superuser=True)
    return [(model, name) for model, model_admin in admin.site._registry.items() for name in model_admin.get_actions(request)]


def test_there_are_actions_to_walk() -> None:
    assert {name for _model, name in every_action()} >= {
        "retry", "cancel", "replay", "replay_group", "discard", "discard_group", "force_open", "force_closed", "disable", "reset", "reply", "close",
    }  # fmt: skip


def test_no_action_changes_anything_on_get(operator: Client) -> None:
    make_everything()
    before = whole_database()
    for model, action in every_action():
        row = model._default_manager.order_by("pk").first()
        values = {"action": action, "confirmed": "yes", "post": "yes", "reason": "because", "body": "hello", "lasts": "60"}
        if row is not None:
            operator.get(list_address(model), {**values, "_selected_action": row.pk})
            operator.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk]), values)
    assert whole_database() == before


def test_no_action_changes_anything_before_it_is_confirmed(operator: Client) -> None:
    make_everything()
    before = whole_database()
    for model, action in every_action():
        row = model._default_manager.order_by("pk").first()
        if row is None:
            continue
        answer = ask(operator, row, action)
        assert answer.status_code == 200, f"{model.__name__}.{action} asks nothing"
    assert whole_database() == before


def test_no_action_is_open_to_staff_who_may_only_look() -> None:
    make_everything()
    looker = make_user(staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = signed_in(looker)
    before = whole_database()
    for model, action in every_action():
        row = model._default_manager.order_by("pk").first()
        if row is None:
            continue
        answer = ask(client, row, action, confirmed="yes", post="yes", reason="because", body="hello there", lasts="60")
        assert 'name="confirmed"' not in answer.text, f"{model.__name__}.{action} asks somebody who may not"
        listed = client.get(list_address(model))
        assert listed.status_code == 200, "the list itself is open"
        assert f'value="{action}"' not in listed.text
    assert whole_database() == before


def test_every_change_names_a_permission_that_exists() -> None:
    for model_admin in admin.site._registry.values():
        for change in model_admin.changes if isinstance(model_admin, ConsoleAdmin) else ():
            app, codename = change.permission.split(".")
            assert Permission.objects.filter(content_type__app_label=app, codename=codename).count() == 1, change.permission


def test_the_question_shows_what_how_many_and_what_it_means(operator: Client) -> None:
    jobs = [make_dead_job() for _ in range(2)]
    html = ask(operator, jobs[0], "cancel", jobs[1]).text
    assert "Cancel: 2 jobs" in html
    assert "what runs for it is stopped" in html
    assert all(job.public_id in html for job in jobs)
    assert "Leave it as it is" in html


def test_a_change_without_a_reason_is_asked_again(operator: Client) -> None:
    job = make_dead_job()
    answer = ask(operator, job, "retry", confirmed="yes", reason="  ")
    assert answer.status_code == 200
    assert "This field is required" in answer.text
    assert not OperatorAction.objects.exists()


def test_after_a_change_people_are_back_where_they_were_but_never_elsewhere(operator: Client) -> None:
    page = reverse("admin:index")
    one, two = make_circuit(name="a"), make_circuit(name="b")
    assert ask(operator, one, "reset", confirmed="yes", reason="tidy up", next=page)["Location"] == page
    assert ask(operator, two, "reset", confirmed="yes", reason="tidy up", next="https://evil.example/")["Location"] == list_address(Circuit)


def test_too_many_rows_at_once_are_refused(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resilience.admin_actions.MOST_ROWS", 1)
    one, two = make_dead_job(), make_dead_job()
    notice = do(operator, one, "retry", two)
    assert "2 rows are chosen; 1 is the most at once" in notice
    assert not OperatorAction.objects.exists()


def test_a_job_is_retried_and_it_is_written_down() -> None:
    person = staff_with("processing.view_job", "processing.retry_job")
    job = make_dead_job()
    notice = do(signed_in(person), job, "retry")
    assert notice == "1 retried"
    successor = Job.objects.exclude(pk=job.pk).get()
    assert (successor.video_id, successor.state) == (job.video_id, JobState.QUEUED)
    assert Task.objects.filter(kind="processing.submit", key__startswith=successor.public_id, state=TaskState.PENDING).exists()
    [record] = OperatorAction.objects.all()
    assert (record.actor, record.reason, record.target) == (person, "the disk was full", job.public_id)


def test_what_cannot_be_retried_is_skipped_with_the_reason(operator: Client) -> None:
    dead = make_dead_job()
    busy = make_job(state=JobState.RUNNING)
    Attempt.objects.create(job=busy, number=1, engine="local", state=AttemptState.PROGRESSING)
    notice = do(operator, dead, "retry", busy)
    assert notice.startswith("1 retried, 1 skipped: ")
    assert OperatorAction.objects.count() == 1
    busy.refresh_from_db()
    assert busy.state == JobState.RUNNING


def test_a_job_is_canceled(operator: Client) -> None:
    job = make_job(state=JobState.RUNNING)
    assert do(operator, job, "cancel") == "1 canceled"
    job.refresh_from_db()
    assert job.state == JobState.CANCELED
    assert "1 skipped" in do(operator, job, "cancel")
    assert OperatorAction.objects.count() == 1


def test_a_job_page_offers_only_what_fits_and_is_allowed() -> None:
    job = make_job(state=JobState.RUNNING)
    page = reverse("admin:processing_job_change", args=[job.pk])
    may_cancel = signed_in(staff_with("processing.view_job", "processing.cancel_job")).get(page).text
    assert 'value="cancel"' in may_cancel
    assert 'value="retry"' not in may_cancel
    job_over = make_dead_job()
    over = signed_in(make_user(superuser=True)).get(reverse("admin:processing_job_change", args=[job_over.pk])).text
    assert 'value="cancel"' not in over
    assert 'value="retry"' in over


def test_a_dead_letter_is_replayed_once(operator: Client) -> None:
    task = make_task(state=TaskState.DEAD, error_fingerprint="aa")
    assert do(operator, task, "replay") == "1 replayed"
    task.refresh_from_db()
    assert (task.state, task.attempt) == (TaskState.PENDING, 0)
    assert "1 skipped" in do(operator, task, "replay")
    assert OperatorAction.objects.count() == 1


def test_a_dead_letter_is_discarded_and_its_history_kept(operator: Client) -> None:
    job = make_dead_job()
    task = Task.objects.get(key=job.public_id)
    assert do(operator, task, "discard") == "1 discarded"
    task.refresh_from_db()
    assert task.state == TaskState.CANCELED
    assert task.runs.count() == 1


@pytest.mark.parametrize(("action", "state"), [("replay_group", TaskState.PENDING), ("discard_group", TaskState.CANCELED)])
def test_a_whole_group_goes_with_one_of_it(operator: Client, action: str, state: str) -> None:
    group = [make_task(state=TaskState.DEAD, error_fingerprint="aa") for _ in range(3)]
    other = make_task(state=TaskState.DEAD, error_fingerprint="bb")
    notice = do(operator, group[0], action)
    assert notice.startswith("3 ")
    assert run_due(limit=1) == 1  # a task does it
    assert {task.state for task in Task.objects.filter(error_fingerprint="aa")} | {task.state for task in Task.objects.filter(key=group[0].key)} == {state}
    other.refresh_from_db()
    assert other.state == TaskState.DEAD
    assert list(OperatorAction.objects.order_by("pk").values_list("action", "count")) == [(f"task.{action}", 3), (f"task.{action}.ended", 3)]


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("force_open", CircuitState.FORCED_OPEN),
        ("force_closed", CircuitState.FORCED_CLOSED),
        ("disable", CircuitState.DISABLED),
        ("reset", CircuitState.CLOSED),
    ],
)
def test_a_circuit_is_forced_and_it_is_written_down(action: str, state: str) -> None:
    person = staff_with("resilience.view_circuit", "resilience.force_circuit")
    circuit = make_circuit(state=CircuitState.OPEN, version=3)
    do(signed_in(person), circuit, action, lasts="60")
    circuit.refresh_from_db()
    assert circuit.state == state
    assert circuit.version == 4
    event = circuit.events.get()
    assert (event.from_state, event.to_state) == (CircuitState.OPEN, state)
    [record] = OperatorAction.objects.all()
    assert (record.actor, record.reason) == (person, "the disk was full")
    if action != "reset":
        assert circuit.forced_by == person
        assert circuit.forced_until is not None
        assert 3500 < (circuit.forced_until - record.at).total_seconds() < 3700


def test_the_two_groups_are_there_with_their_powers() -> None:
    powers = {
        group.name: {f"{permission.content_type.app_label}.{permission.codename}" for permission in group.permissions.select_related("content_type")}
        for group in Group.objects.all()
    }
    assert powers["Support"] >= {"support.answer_ticket", "processing.retry_job", "processing.view_job", "support.view_ticket"}
    assert not powers["Support"] & {"resilience.force_circuit", "resilience.discard_task", "processing.cancel_job"}
    assert powers["Operator"] > powers["Support"]
    assert not any(power.split(".")[1].startswith(("add_", "delete_")) for power in powers["Operator"])
