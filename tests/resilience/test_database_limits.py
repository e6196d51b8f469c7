"""Nobody waits for a database for ever: not for a connection, a lock, a statement, nor for a server that took the question and says nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, connections
from django.test import Client
from structlog.testing import capture_logs

from config.database_settings import databases
from resilience.database import PoolFull, slow
from resilience.database.base import DatabaseWrapper
from resilience.http.translate import as_app_error
from resilience.metrics import current
from tests.proxied import proxied_database

pytestmark = pytest.mark.django_db
POOL = {"min_size": 1, "max_size": 2, "timeout": 0.3}


def ask(other: Any = connection) -> int:
    with other.cursor() as cursor:
        cursor.execute("SELECT 1")
        return int(cursor.fetchone()[0])


@contextmanager
def borrowed(number: int) -> Iterator[list[DatabaseWrapper]]:
    """Hold connections of this thread's pool, as so many busy requests do."""
    mine = connections["default"]
    others = [DatabaseWrapper(mine.settings_dict, alias=mine.alias) for _ in range(number)]
    try:
        for each in others:
            ask(each)
        yield others
    finally:
        for each in others:
            each.close()


def test_a_full_pool_is_said_to_be_full_and_serves_again_when_one_comes_back() -> None:
    with proxied_database(pool=POOL):
        with borrowed(2), pytest.raises(PoolFull) as full:
            ask(connections["default"])
        error = as_app_error(full.value)
        assert (error.code, error.entry.status, error.headers()) == ("DATABASE_BUSY", 503, {"Retry-After": "2"})
        assert ask(connections["default"]) == 1


@pytest.mark.parametrize(("accept", "kind"), [("text/html", "text/html"), ("application/json", "application/problem+json")])
def test_a_page_asked_for_while_the_pool_is_full_says_when_to_come_again(accept: str, kind: str) -> None:
    with proxied_database(pool=POOL), borrowed(2):
        answer = Client(raise_request_exception=False).get("/tickets/", headers={"Accept": accept, "Cookie": "sessionid=" + "x" * 32})
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
        assert kind in answer["Content-Type"]


def test_a_pool_that_gets_no_connection_is_not_called_full() -> None:
    with proxied_database(pool=POOL) as proxy:
        proxy.refuse()
        with pytest.raises(OperationalError) as away:
            ask(connections["default"])
        assert as_app_error(away.value).code == "DATABASE_UNAVAILABLE"


def test_connections_killed_in_the_pool_are_replaced_before_anybody_gets_one() -> None:
    with proxied_database(pool=POOL | {"timeout": 30}):
        with borrowed(2) as others:
            idle = [each.connection.backend for each in others]
        mine = connections["default"]
        with psycopg.connect(**_address(mine.settings_dict)) as killer:
            killer.execute("SELECT count(pg_terminate_backend(pid, 10000)) FROM unnest(%s::int[]) AS pid", [idle])
        for _ in range(3):
            assert ask(mine) == 1
            assert mine.connection.backend not in idle
            mine.close()


def test_a_connection_a_worker_keeps_is_replaced_when_it_was_killed_between_two_tasks() -> None:
    with proxied_database() as proxy:
        mine = connections["default"]
        assert mine.settings_dict["CONN_MAX_AGE"] == 60
        ask(mine)
        kept = mine.connection
        mine.close_if_unusable_or_obsolete()  # as before each task
        assert (ask(mine), mine.connection is kept) == (1, True)
        proxy.reset()
        mine.close_if_unusable_or_obsolete()
        assert (ask(mine), mine.connection is kept) == (1, False)


def test_a_server_that_stops_answering_ends_the_wait_and_the_connection() -> None:
    with proxied_database(answer_within=0.4) as proxy:
        mine = connections["default"]
        assert ask(mine) == 1
        proxy.blackhole()
        with pytest.raises(OperationalError, match="did not answer within") as silent:
            ask(mine)
        assert as_app_error(silent.value).entry.status == 503
        assert mine.connection.closed


def test_a_pool_over_a_line_gone_silent_gives_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resilience.database.connections.CHECK_SECONDS", 0.2)
    with proxied_database(pool=POOL | {"timeout": 0.5}) as proxy:
        mine = connections["default"]
        ask(mine)
        mine.close()  # idle in the pool, alive as far as anybody knows
        proxy.blackhole()
        with pytest.raises(OperationalError) as silent:
            ask(mine)
        assert as_app_error(silent.value).entry.status == 503


def test_a_server_that_accepts_and_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sink:
        settings = connection.settings_dict | {"HOST": "127.0.0.1", "PORT": str(sink.getsockname()[1])}
        mine = DatabaseWrapper(settings | {"OPTIONS": settings["OPTIONS"] | {"connect_timeout": 2}}, alias="sink")
        with pytest.raises(OperationalError, match="timeout"):
            mine.ensure_connection()


def test_a_statement_and_a_lock_that_take_too_long_are_told_apart() -> None:
    with proxied_database(options="-c statement_timeout=300 -c lock_timeout=100"):
        mine = connections["default"]
        with mine.cursor() as cursor, pytest.raises(OperationalError) as slow_one:
            cursor.execute("SELECT pg_sleep(30)")
        assert as_app_error(slow_one.value).code == "DATABASE_TOO_SLOW"
        with psycopg.connect(**_address(mine.settings_dict)) as holder:
            holder.execute("SELECT pg_advisory_lock(81)")
            with mine.cursor() as cursor, pytest.raises(OperationalError) as waiting:
                cursor.execute("SELECT pg_advisory_xact_lock(81)")
        assert as_app_error(waiting.value).code == "DATABASE_CONTENDED"


@pytest.mark.parametrize(("role", "statement", "pooled"), [("web", "5000", True), ("worker", "15000", False), ("command", "60000", False)])
def test_every_role_has_all_its_limits(role: str, statement: str, pooled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.database_settings.ROLE", role)
    made = databases("postgresql://u:p@host/name")["default"]
    options: Any = made["OPTIONS"]
    assert ("pool" in options, made["CONN_MAX_AGE"], made["CONN_HEALTH_CHECKS"]) == (pooled, 0 if pooled else 60, True)
    with psycopg.connect(**_address(connection.settings_dict), options=options["options"]) as asked:
        shown = [asked.execute(f"SELECT setting FROM pg_settings WHERE name = '{name}'").fetchone()[0] for name in LIMITS]
    assert shown == [statement, "3000", "30000"]
    assert {"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "answer_within"} <= options.keys()


LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def test_a_slow_statement_is_logged_without_its_values(settings: Any) -> None:
    settings.SLOW_QUERY_SECONDS = 0.05
    before = current("holdfast_database_slow_queries_total", fingerprint=slow.fingerprint("SELECT pg_sleep(?), ?, ?")) or 0
    with capture_logs() as lines, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.06), 'secret in the text', %s", ["secret value"])
        cursor.execute("SELECT 1")
    [line] = [line for line in lines if line["event"] == "database.slow_query"]
    assert current("holdfast_database_slow_queries_total", fingerprint=line["fingerprint"]) == before + 1
    assert line["sql"] == "SELECT pg_sleep(?), ?, ?"
    assert line["seconds"] >= 0.06
    assert "secret" not in str(line)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE b IN (%s, %s)", "SELECT a FROM t  WHERE b IN (%s, %s,\n %s)"),
        ("SELECT a FROM t1 WHERE b = 'it''s' -- who", "SELECT a FROM t1 WHERE b = 'x'"),
        ("INSERT INTO t VALUES (%s, 1), (%s, 2)", "INSERT INTO t VALUES (%s, 7)"),
        ("SELECT $tag$ it's $tag$, E'\\'', 1.5e3", "SELECT $$b$$, 'c', 2"),
    ],
)
def test_statements_that_differ_in_values_share_a_fingerprint(one: str, other: str) -> None:
    assert slow.normalise(one) == slow.normalise(other)
    assert slow.fingerprint(slow.normalise(one)) != slow.fingerprint(slow.normalise("SELECT a FROM t2"))


def test_connections_lost_to_silence_while_in_use_are_made_anew() -> None:
    with proxied_database(pool=POOL | {"timeout": 30}, answer_within=0.4) as proxy:
        mine = connections["default"]
        with borrowed(1):
            ask(mine)
            proxy.blackhole()
            with pytest.raises(OperationalError):
                ask(mine)
            mine.close()
        proxy.mend()
        assert ask(mine) == 1


def _address(settings: dict[str, Any]) -> dict[str, Any]:
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {name: settings[key] for name, key in names.items() if settings[key]} | {"autocommit": True}
