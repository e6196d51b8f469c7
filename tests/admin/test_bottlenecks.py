"""Rows that make each answer of "where is time waited"."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config import bottlenecks as module
from config.bottlenecks import Wait, bottlenecks, in_words
from processing.models import Attempt
from resilience.fleet import WorkerHost
from resilience.metrics import history
from resilience.models import Task, TaskRun
from resilience.models.tasks import TaskState
from tests.admin.rows import make_job
from uploads.models import UploadSession

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_host_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    Task.objects.all().delete()
    monkeypatch.setattr(module.fleet, "workers", lambda: [WorkerHost("this machine", 3, now, now)])
    monkeypatch.setattr(history, "lately", lambda _names: {})
    monkeypatch.setattr(history, "note", lambda: None)


def ran(kind: str, *, waited: float, worked: float, queue: str = "default", ago: float = 600.0) -> Task:
    started = timezone.now() - timedelta(seconds=ago)
    task = Task.objects.create(kind=kind, queue=queue, state=TaskState.SUCCEEDED, run_at=started - timedelta(seconds=waited))
    TaskRun.objects.create(task=task, number=1, owner="w", epoch=1, started_at=started, ended_at=started + timedelta(seconds=worked), outcome="ok")
    return task


def waits_now(kind: str, *, seconds: float, queue: str = "default") -> None:
    Task.objects.create(kind=kind, queue=queue, run_at=timezone.now() - timedelta(seconds=seconds))


def busy(queue: str, count: int) -> None:
    for _ in range(count):
        Task.objects.create(kind="busy", queue=queue, state=TaskState.LEASED, lease_expires_at=timezone.now() + timedelta(minutes=1))


def of(what: str) -> Wait:
    return next(wait for wait in bottlenecks().waits if what in wait.what)


def test_a_house_where_nothing_waits_says_so() -> None:
    assert bottlenecks().sentence == "Nothing waits for long."
    ran("uploads.inspect", waited=0.1, worked=2)
    assert bottlenecks().sentence == "Nothing waits for long."
    assert (round(of("inspect").waited, 1), round(of("inspect").worked or 0), of("inspect").count, of("inspect").advice) == (0.1, 2, 1, "")


def test_with_all_hands_busy_it_asks_for_more(settings: Any) -> None:
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"ALT_CLUSTERS": {"media": {"workers": 2}}}
    busy("media", 2)
    ran("processing.transcode", queue="media", waited=200, worked=60)
    waits_now("processing.transcode", queue="media", seconds=280)
    assert bottlenecks().sentence == "Most waiting: processing.transcode for a worker, 4 min each; 2 of 2 media workers busy → add workers (MEDIA_WORKERS)."


def test_with_free_hands_it_asks_for_no_more(settings: Any) -> None:
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"workers": 2}
    waits_now("uploads.inspect", seconds=30)
    assert "0 of 2 default workers busy → hands are free" in bottlenecks().sentence


def test_without_a_worker_it_says_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.fleet, "workers", list)
    waits_now("uploads.inspect", seconds=30)
    assert bottlenecks().sentence == "Most waiting: uploads.inspect for a worker, 30 s each; no worker is connected → start one."


def test_what_is_paused_is_not_for_more_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from resilience.tasks.policies import Paused

    monkeypatch.setattr(module, "paused", lambda kind, queue: Paused("kind", kind, "testing", "", timezone.now(), None))
    waits_now("uploads.inspect", seconds=30)
    assert bottlenecks().sentence.endswith("the kind uploads.inspect is paused → resume it.")


def test_what_waits_for_its_time_does_not_wait() -> None:
    Task.objects.create(kind="later", run_at=timezone.now() + timedelta(hours=1))
    retried = ran("retried", waited=0, worked=1)
    Task.objects.filter(pk=retried.pk).update(run_at=timezone.now() + timedelta(minutes=5), state=TaskState.RETRY_WAIT)
    assert bottlenecks().waits == []


def test_what_is_over_for_an_hour_counts_no_more() -> None:
    ran("uploads.inspect", waited=500, worked=1, ago=3700)
    assert bottlenecks().waits == []


def test_an_engine_with_a_long_line() -> None:
    now = timezone.now()
    for number in (1, 2):
        created = now - timedelta(minutes=20)
        Attempt.objects.create(
            job=make_job(), number=number, engine="mediaconvert", state="succeeded", created_at=created, started_at=created + timedelta(minutes=9), ended_at=now
        )
    assert bottlenecks().sentence.startswith("Most waiting: conversions for the engine mediaconvert, 9 min each; the engine's own queue is long")
    assert round((of("mediaconvert").worked or 0) / 60) == 11


def test_slow_senders_are_shown_and_are_nobodys_fault(django_user_model: type[User]) -> None:
    now = timezone.now()
    owner = django_user_model.objects.create_user("sender", "sender@example.org")
    UploadSession.objects.create(
        owner=owner,
        role="part",
        state="received",
        length=60 * 2**20,
        created_at=now - timedelta(minutes=2),
        received_at=now - timedelta(minutes=1),
        expires_at=now,
    )
    found = bottlenecks()
    assert found.sentence == "Nothing waits for long."
    assert [(wait.what, round(wait.waited), wait.advice) for wait in found.waits] == [("uploads on their senders' lines", 60, "1.0 MiB/s each on average.")]


@pytest.mark.parametrize(("name", "words"), [("holdfast_database_pool_wait_seconds", "DATABASE_POOL"), ("holdfast_s3_call_seconds", "S3 is slow")])
def test_what_processes_measured_themselves(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "lately", lambda _names: {name: history.Lately(count=10, total=25.0, seconds=3600)})
    assert bottlenecks().sentence.startswith("Most waiting:")
    assert "2 s each" in bottlenecks().sentence
    assert words in bottlenecks().sentence


def test_a_database_too_busy_to_say_is_not_asked_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STATEMENT_MILLISECONDS", 20)
    monkeypatch.setattr(module, "_RUNS", "SELECT 'a', 'b', 1, 1, 1 FROM pg_sleep(30)")
    assert bottlenecks().sentence == "What is waited for could not be read: the database is too busy to say."


def test_the_front_page_shows_it(operator: Client) -> None:
    waits_now("uploads.inspect", seconds=300)
    page = operator.get(reverse("admin:index")).text
    assert "Most waiting: uploads.inspect for a worker, 5 min each" in page
    assert "Where time is waited" in page


@pytest.mark.parametrize(("seconds", "words"), [(0.012, "12 ms"), (2.0, "2 s"), (240, "4 min"), (7200, "2.0 h")])
def test_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
