"""/healthz, /readyz and /metrics: what they answer, to whom, and without the database."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from resilience.database import PoolFull
from resilience.metrics import tables
from resilience.models import Circuit, Task
from resilience.watching import readiness as asking
from resilience.watching.readiness import Part, Readiness, degraded, ok, unavailable

TOKEN = "a-token-of-thirty-two-characters"


class Away:
    def cursor(self) -> Any:
        raise OperationalError("connection refused")

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    for forget in (asking.forget, tables._forget):
        forget()
    yield
    for forget in (asking.forget, tables._forget):
        forget()


def answers(monkeypatch: pytest.MonkeyPatch, *parts: Part) -> None:
    monkeypatch.setattr("resilience.watching.views.current", lambda: Readiness(parts))


def scraped(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = client.get("/metrics").content.decode()
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in text_string_to_metric_families(text) for sample in family.samples}


def test_alive_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resilience.watching.views.current", lambda: pytest.fail("asked"))
    assert Client().get("/healthz").json()["status"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_ready_with_the_real_checks() -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"]["database"]["status"] == "ok"
    assert answer.json()["parts"]["migrations"]["critical"] is True


def test_degraded_is_200_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, Part("database", True, ok(), 0.001), Part("mail", False, unavailable("refused"), 0.1))
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["parts"]["mail"] == {"status": "unavailable", "critical": False, "said": "refused", "seconds": 0.1}


def test_not_ready_is_503_and_says_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, Part("database", True, unavailable("gone"), 0.001))
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0


def test_strangers_see_the_state_and_no_details(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, Part("mail", False, degraded("smtp.internal:25 refused"), 0.1))
    for stranger in ({"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}):
        assert Client(**stranger).get("/readyz").json() == {"status": "degraded"}


@pytest.mark.parametrize(
    "request_from",
    [
        {"REMOTE_ADDR": "203.0.113.9"},
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=127.0.0.1"},
        {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": "Bearer wrong"},
        {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": "Bearer "},
        {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": f"Token {TOKEN}"},
    ],
    ids=["afar", "private", "unknown", "proxied", "forwarded", "wrong token", "empty token", "another scheme"],
)
def test_figures_are_not_for_everybody(request_from: dict[str, str], settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = Client(**request_from).get("/metrics")
    assert answer.status_code == 403
    assert b"holdfast_" not in answer.content


def test_without_a_token_in_the_settings_no_token_is_right(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Client(REMOTE_ADDR="203.0.113.9", HTTP_AUTHORIZATION="Bearer ").get("/metrics").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(
    "request_from",
    [
        {"REMOTE_ADDR": "127.0.0.1"},
        {"REMOTE_ADDR": "203.0.113.9", "HTTP_AUTHORIZATION": f"Bearer {TOKEN}"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9", "HTTP_AUTHORIZATION": f"bearer {TOKEN}"},
    ],
    ids=["here", "with the token", "with the token through a proxy"],
)
def test_figures_are_for_who_may_look(request_from: dict[str, str], settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = Client(**request_from).get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_behind_a_trusted_proxy_the_address_it_names_counts(settings: Any) -> None:
    settings.TRUST_PROXY = True
    settings.METRICS_NETWORKS = [ip_network("10.0.0.0/8")]
    assert Client(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 10.1.2.3").get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="10.1.2.3, 1.2.3.4").get("/metrics").status_code == 403


@pytest.mark.django_db
def test_the_tables_are_read_at_most_every_few_seconds(folder: Path, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CACHE_SECONDS", 600.0)
    Task.objects.create(kind="test.waits", queue="media")
    Circuit.objects.create(name="mail", state="open")
    first = scraped(Client())
    assert first["holdfast_queue_tasks", (("queue", "media"), ("state", "pending"))] == 1
    assert first["holdfast_circuit_state", (("circuit", "mail"), ("state", "open"))] == 1
    assert first["holdfast_database_up", ()] == 1
    Task.objects.create(kind="test.waits", queue="media")
    with django_assert_num_queries(0):
        again = scraped(Client())
    assert again["holdfast_queue_tasks", (("queue", "media"), ("state", "pending"))] == 1
    tables._cache.until = 1.0  # over
    assert scraped(Client())["holdfast_queue_tasks", (("queue", "media"), ("state", "pending"))] == 2


def test_without_the_database_it_answers_with_what_it_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "connection", Away())
    found = scraped(Client())
    assert found["holdfast_database_up", ()] == 0
    assert found["holdfast_collector_up", (("collector", "tasks"),)] == 0
    assert ("holdfast_queue_tasks", (("queue", "media"), ("state", "pending"))) not in found


def test_a_full_pool_is_not_told_as_a_database_that_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Away):
        def cursor(self) -> Any:
            raise PoolFull("all in use")

    monkeypatch.setattr(tables, "connection", Full())
    found = scraped(Client())
    assert found["holdfast_database_up", ()] == 1
    assert found["holdfast_collector_up", (("collector", "tasks"),)] == 0


@pytest.mark.django_db
def test_a_collector_that_takes_too_long_is_left_out_and_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow() -> Any:
        with tables.connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        return []

    monkeypatch.setattr(tables, "STATEMENT_MILLISECONDS", 20)
    monkeypatch.setitem(tables._collectors, "slow", slow)
    found = scraped(Client())
    assert found["holdfast_collector_up", (("collector", "slow"),)] == 0
    assert found["holdfast_collector_up", (("collector", "circuits"),)] == 1
    assert found["holdfast_database_up", ()] == 1
