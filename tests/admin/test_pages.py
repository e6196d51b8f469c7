"""Every page of the console opens, with data, within a bounded number of queries, and under the strict content policy."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from processing.models import Attempt, AttemptState, Job, JobState
from resilience.models import Circuit, Task
from resilience.models.tasks import TaskState
from tests.admin.rows import make_dead_job, make_everything, make_run, make_task, staff_with
from tests.factories import make_job, make_user

OURS = ("resilience", "uploads", "processing", "notifications", "support")
MODELS = sorted((model for model in admin.site._registry if model._meta.app_label in OURS), key=lambda model: model._meta.label)
LIST_QUERIES = 12
PAGE_QUERIES = 16
FRONT_QUERIES = 30

pytestmark = pytest.mark.django_db


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def assert_nothing_inline(html: str) -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", html), "an inline script"
    assert "<style" not in html
    assert not re.search(r"<[^>]+\sstyle=", html), "an inline style"
    assert not re.search(r"<[^>]+\son[a-z]+=", html), "an inline handler"


def test_all_rooms_are_in_the_console() -> None:
    assert {model.__name__ for model in MODELS} >= {
        "Attempt", "Circuit", "CircuitEvent", "Event", "Job", "Notification", "OperatorAction", "Publication", "Rendition", "RetryPolicy",
        "Snapshot", "Task", "Ticket", "UploadSession", "Video",
    }  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_lists_open_in_few_queries_however_many_rows(model: Any, operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    make_everything(each=3)
    with django_assert_max_num_queries(LIST_QUERIES):
        answer = operator.get(address(model, "changelist"))
    assert answer.status_code == 200
    assert 'id="result_list"' in answer.text
    assert_nothing_inline(answer.text)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_row_pages_open_in_few_queries(model: Any, operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    make_everything(each=2)
    row = model.objects.order_by("pk").first()
    with django_assert_max_num_queries(PAGE_QUERIES):
        answer = operator.get(address(model, "change", row.pk))
    assert answer.status_code == 200
    assert_nothing_inline(answer.text)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_lists_can_be_searched(model: Any, operator: Client) -> None:
    make_everything()
    answer = operator.get(address(model, "changelist"), {"q": "vid_1"})
    assert answer.status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_system_rows_are_neither_added_nor_deleted_nor_edited(model: Any, operator: Client) -> None:
    make_everything()
    row = model.objects.order_by("pk").first()
    if model.__name__ not in {"RetryPolicy", "TaskPolicy", "Pause"}:  # people make these (test_policies.py)
        assert operator.get(address(model, "add")).status_code == 403
    assert operator.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    if model.__name__ not in {"RetryPolicy", "TaskPolicy"}:
        assert operator.post(address(model, "change", row.pk), {}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


def test_the_front_page_counts_what_there_is(operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    make_everything(each=3)
    with django_assert_max_num_queries(FRONT_QUERIES):
        answer = operator.get(reverse("admin:index"))
    html = answer.text
    assert answer.status_code == 200
    assert_nothing_inline(html)
    boards = {board.title: {count.state: count.count for count in board.states} for board in answer.context["boards"]}
    assert boards["Jobs"] == {"dead": 3}
    assert boards["Tasks"] == {"leased": 6, "dead": 3}
    [group] = answer.context["dead_groups"]
    assert (group.kind, group.code, group.count, group.fingerprint) == ("processing.submit", "INTERNAL_UNCLASSIFIED", 3, "f" * 40)
    assert len(answer.context["stuck_tasks"]) == 3
    assert len(answer.context["waiting_tickets"]) == 3
    assert "Replay all" in html
    assert "% free" in html


def test_a_live_job_nobody_comes_for_is_stuck_and_one_that_waits_is_not(operator: Client) -> None:
    long_ago = timezone.now() - timedelta(minutes=10)
    forgotten, waiting, running, fresh = (make_job(state=JobState.RUNNING) for _ in range(4))
    make_task(key=f"{waiting.public_id}:2:now", state=TaskState.RETRY_WAIT)
    Attempt.objects.create(job=running, number=1, engine="local", state=AttemptState.PROGRESSING)
    Job.objects.exclude(pk=fresh.pk).update(updated_at=long_ago)
    page = operator.get(reverse("admin:index"))
    assert page.context["stuck_jobs"] == [forgotten]
    assert f">{forgotten.public_id}</a>" in page.text


def test_every_link_of_the_front_page_leads_somewhere(operator: Client) -> None:
    make_everything()
    html = operator.get(reverse("admin:index")).text
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/[^"]*)"', html)}
    assert len(links) > 20
    broken = {link for link in links if operator.get(link).status_code not in (200, 302)}
    assert not broken


def test_the_front_page_of_an_empty_house_says_so(operator: Client) -> None:
    html = operator.get(reverse("admin:index")).text
    assert "None yet" in html
    assert "Nothing. Every lease is renewed" in html


def test_the_job_page_tells_the_whole_story(operator: Client) -> None:
    job = make_dead_job(attempts=2)
    Circuit.objects.create(name="engine.local")
    html = operator.get(address(Job, "change", job.pk)).text
    assert html.count('class="story"') == 2
    assert "same engine again in 8 s: transient, 2 of 3" in html
    assert "&lt;b&gt;broken&lt;/b&gt;" in html
    assert "<b>broken</b>" not in html
    assert "class transient" in html
    task = Task.objects.get(key=job.public_id)
    for row in (job.video, job.source, task, Circuit.objects.get()):
        assert address(type(row), "change", row.pk) in html
    assert reverse("admin:support_ticket_changelist") in html


def test_the_job_page_shows_the_newest_runs_of_a_task_that_had_many(operator: Client) -> None:
    job = make_dead_job()
    task = Task.objects.get(key=job.public_id)
    for number in range(2, 11):
        make_run(task, number=number, outcome="snoozed")
    html = operator.get(address(Job, "change", job.pk)).text
    assert "4 earlier" in html
    assert "10. " in html


def test_a_task_leads_to_what_it_is_about(operator: Client) -> None:
    job = make_dead_job()
    html = operator.get(address(Task, "change", Task.objects.get(key=job.public_id).pk)).text
    link = f"{address(Job, 'changelist')}?q={job.public_id}"
    assert link in html
    assert job.public_id in operator.get(link).text


def test_the_job_page_links_lead_somewhere(operator: Client) -> None:
    job = make_dead_job()
    html = operator.get(address(Job, "change", job.pk)).text
    broken = {link for link in re.findall(r'href="(/admin/[^"]*)"', html) if operator.get(link.replace("&amp;", "&")).status_code not in (200, 302)}
    assert not broken


def test_no_page_shows_the_hash_of_a_resume_token(operator: Client) -> None:
    make_everything()
    from uploads.models import ResumeToken, UploadSession

    token = ResumeToken.objects.get()
    session = UploadSession.objects.get(pk=token.session_id)
    html = operator.get(address(UploadSession, "change", session.pk)).text
    assert "generation 1" in html
    assert token.token_hash not in html


def test_people_of_other_kinds_stay_out() -> None:
    client = Client(headers={"accept": "text/html"})
    assert client.get(reverse("admin:index")).status_code == 302
    client.force_login(make_user())
    assert client.get(reverse("admin:index")).status_code == 302
    client.force_login(staff_with("processing.view_job"))
    assert client.get(address(Job, "changelist")).status_code == 200
    assert client.get(address(Task, "changelist")).status_code == 403


def test_libraries_bring_no_pages_of_their_own() -> None:
    assert {model._meta.app_label for model in admin.site._registry} <= {*OURS, "auth"}


def test_passwords_cannot_be_tried_at_leisure(settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATELIMIT_ENABLE = True
    person = make_user(superuser=True, password="correct horse battery")
    client = Client(headers={"accept": "text/html"}, REMOTE_ADDR="192.0.2.77")
    form = {"username": person.username, "password": "wrong"}
    answers = [client.post(reverse("admin:login"), form).status_code for _ in range(6)]
    assert answers[:5] == [200] * 5
    assert answers[5] == 429
    elsewhere = Client(headers={"accept": "text/html"}, REMOTE_ADDR="192.0.2.78")
    assert elsewhere.post(reverse("admin:login"), form | {"password": "correct horse battery"}).status_code == 429, "counted by name too"
