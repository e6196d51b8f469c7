"""The live stream over real HTTP, from the real server."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from psycopg import sql

from notifications.live.view import HEARTBEAT_SECONDS
from notifications.models import Event
from notifications.services.events import record
from tests.api.server import Server
from tests.factories import make_user, make_video

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def running(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("stream") / "web.log") as started:
        yield started


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    yield running
    running.hang_up()


def tell(user: User, number: int) -> int:
    return record(user=user, kind="job.progress", data={"number": number}).pk


def eventually(question: Callable[[], bool], *, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.05)
    return False


def listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast-listen' AND datname = current_database()")
        return int(cursor.fetchone()[0])


def hang_up(*applications: str) -> int:
    """End the server's database connections, as a restart of PostgreSQL does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = ANY(%s) AND datname = current_database()",
            [list(applications)],
        )
        return int(cursor.fetchone()[0])


@contextmanager
def database_closed() -> Iterator[None]:
    """Nobody new gets in, and the web server is thrown out: what it sees when PostgreSQL is down."""
    name = sql.Identifier(str(connection.settings_dict["NAME"]))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as outside:
        outside.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            hang_up("holdfast-listen", "holdfast-web")
            yield
        finally:
            outside.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def test_a_fresh_stream_says_hello_and_then_only_what_is_new(server: Server) -> None:
    user = make_user()
    video = make_video(owner=user)
    before = tell(user, 1)
    stream = server.stream(user)
    hello = stream.next()
    assert hello is not None
    assert (hello.id, hello.kind, hello.data) == (before, "hello", {"id": before})
    assert stream.retries == [3000]
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    assert stream.answer.headers["Cache-Control"] == "no-store"
    assert stream.answer.headers["X-Accel-Buffering"] == "no"
    started = time.monotonic()
    event = record(user=user, kind="video.changed", video=video, sentence="Ready", data={"state": "ready"})
    message = stream.next()
    assert message is not None
    assert (message.id, message.kind) == (event.pk, "video.changed")
    assert message.data == {"video": video.public_id, "state": "ready", "sentence": "Ready", "at": event.at.isoformat()}
    assert time.monotonic() - started < HEARTBEAT_SECONDS, "it came by the safety poll, not by NOTIFY"


def test_a_session_opens_a_stream_too(server: Server) -> None:
    browser = Client()
    browser.force_login(make_user())
    cookie = browser.cookies["sessionid"].value
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    asked.request("GET", "/api/v1/events", headers={"Cookie": f"sessionid={cookie}"})
    opened = asked.sock
    answer = asked.getresponse()
    assert (answer.status, answer.readline()) == (200, b"retry: 3000\n")
    opened.close()
    answer.close()
    asked.close()


def test_last_event_id_replays_what_was_missed_once_and_in_order_then_goes_on(server: Server) -> None:
    user = make_user()
    ids = [tell(user, number) for number in range(450)]  # more than two batches
    stream = server.stream(user, last_event_id=ids[1])
    assert [message.id for message in stream.take(448)] == ids[2:]
    new = tell(user, 999)
    assert stream.take(1)[0].id == new


def test_what_several_writers_commit_at_once_arrives_once_and_in_order(server: Server) -> None:
    user = make_user()
    stream = server.stream(user)
    stream.next()

    def write(start: int) -> None:
        try:
            for number in range(start, start + 25):
                tell(user, number)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200, 300)]
    for writer in writers:
        writer.start()
    seen = [message.id for message in stream.take(100)]
    for writer in writers:
        writer.join(60)
    assert seen == list(Event.objects.filter(user=user).order_by("id").values_list("id", flat=True))


def test_nobody_sees_what_belongs_to_somebody_else(server: Server) -> None:
    mine, theirs = make_user(), make_user()
    stream = server.stream(mine, last_event_id=0)  # this person has no event yet: everything counts as missed
    tell(theirs, 1)
    own = tell(mine, 2)
    assert stream.take(1)[0].id == own


def test_an_id_from_the_future_starts_afresh(server: Server) -> None:
    user = make_user()
    stream = server.stream(user, last_event_id=10**15)
    hello = stream.next()
    assert hello is not None
    assert hello.kind == "hello"


@pytest.mark.parametrize(("headers", "status", "code"), [({}, 401, "AUTH_REQUIRED"), ({"Authorization": "Token nonsense"}, 401, "AUTH_REQUIRED")])
def test_without_a_known_person_there_is_no_stream(server: Server, headers: dict[str, str], status: int, code: str) -> None:
    answer, sent, body = server.get("/api/v1/events", **headers)
    assert answer == status
    assert sent["Content-Type"] == "application/problem+json"
    assert code in body.decode()


@pytest.mark.parametrize("given", ["abc", "-1", "1.5", "9" * 50, "٣"])
def test_an_id_that_is_none_is_refused(server: Server, given: str) -> None:
    answer, _, body = server.get(f"/api/v1/events?last_event_id={quote(given)}")
    assert answer == 400
    assert b"REQUEST_INVALID" in body


def test_more_streams_than_a_person_may_have_end_the_oldest(server: Server) -> None:
    user = make_user()
    streams = [server.stream(user) for _ in range(7)]
    for stream in streams:
        hello = stream.next()
        assert hello is not None
        assert hello.kind == "hello"
    assert streams[0].next() is None
    assert streams[0].retries == [3000, 60000], "told to come back slowly, or the tabs would push each other out"
    tell(user, 1)
    assert [stream.take(1)[0].data["number"] for stream in streams[1:]] == [1] * 6


def test_many_idle_streams_hold_no_database_connection(server: Server) -> None:
    users = [make_user() for _ in range(12)]  # the server's pool has 2 connections
    streams = [server.stream(user) for user in users]
    for stream in streams:
        stream.next()
    assert eventually(lambda: server.get("/readyz")[0] == 200)  # what another test did to the database is forgotten in a moment
    assert eventually(lambda: listeners() == 1)
    for number, user in enumerate(users):
        tell(user, number)
    assert [stream.take(1)[0].data["number"] for stream in streams] == list(range(12))
    server.hang_up()
    assert eventually(lambda: listeners() == 0), "the last one leaves, and the listener with it"


def test_a_lost_listener_connects_again_and_nothing_is_missed(server: Server) -> None:
    user = make_user()
    stream = server.stream(user)
    stream.next()
    assert eventually(lambda: listeners() == 1)
    assert hang_up("holdfast-listen") == 1
    ids = [tell(user, number) for number in range(3)]
    assert [message.id for message in stream.take(3)] == ids
    assert eventually(lambda: listeners() == 1)


def test_a_stream_outlives_the_database(server: Server) -> None:
    user = make_user()
    stream = server.stream(user)
    stream.next()
    with database_closed():
        missed = tell(user, 1)  # through the connection this test holds
        time.sleep(2.5)
        refused = server.get("/api/v1/notifications/unread", Authorization="Token nonsense")[0]
        assert refused == 503
    assert stream.take(1)[0].id == missed
    assert eventually(lambda: listeners() == 1)


def test_stopping_the_server_ends_its_streams_at_once(tmp_path: Path) -> None:
    user = make_user()
    with Server(tmp_path / "web.log") as own:
        stream = own.stream(user)
        stream.next()
        assert own.process is not None
        own.process.send_signal(signal.SIGTERM)
        assert stream.next() is None
        assert own.process.wait(60) == 0
    assert "Forcing close" not in (tmp_path / "web.log").read_text()
