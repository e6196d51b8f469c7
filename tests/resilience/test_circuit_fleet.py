"""Real processes, the real keeper, a database that goes: one trial at a time, nobody waits, nothing is lost, nothing overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from resilience.circuits import CircuitOpen, circuit, keeper
from resilience.circuits.desk import Desk
from resilience.circuits.keeper import PUSH_SECONDS, Keeper
from resilience.circuits.link import Link, LinkDown, OwnLink, Parameters, _Impatient
from resilience.circuits.sql import COUNT
from resilience.models import Circuit, CircuitEvent
from resilience.models.circuits import CircuitState
from tests.proxy import Proxy
from tests.resilience.circuit_fleet import calls
from tests.resilience.circuit_steps import DependencyDown, fail, fail_times, moves, row
from tests.resilience.worker import database_url, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def kept(link: Link) -> Iterator[Keeper]:
    """A real keeper, with its thread, over a link of the test's."""
    own = Keeper(lambda it: Desk(link, lambda: list(it.circuits.values())))
    with keeper.kept_by(own):
        try:
            yield own
        finally:
            if isinstance(link, GatedLink):
                link.gate.set()
            own.stop(60)


@pytest.fixture
def real() -> Iterator[Keeper]:
    """This process's keeper as it is outside of tests: a thread, and a connection of its own."""
    with kept(OwnLink()) as own:
        yield own


class GatedLink:
    """The real one behind a gate: while it is closed, statements neither come back nor fail, as with a server that was stopped."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()
        self._own = OwnLink()

    @property
    def away(self) -> bool:
        return False

    def run(self, statement: str, parameters: Parameters = ()) -> list[tuple[object, ...]]:
        if not self.gate.is_set():
            self.waiting.set()
            assert self.gate.wait(60)
        self.statements.append(statement)
        return self._own.run(statement, parameters)

    def close(self) -> None:
        self._own.close()


def test_eight_processes_make_one_trial_at_a_time_also_when_its_holder_is_killed(tmp_path):
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "VAR_DIR": str(tmp_path / "var"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "ERROR",
    }
    fleet = subprocess.Popen([sys.executable, "-m", "tests.resilience.circuit_fleet", str(tmp_path)], cwd=settings.BASE_DIR, env=environment)
    try:
        wait_for(lambda: CircuitEvent.objects.filter(circuit_id="dead", from_state="half_open").count() >= 3, seconds=60, what="three trials have failed")
        (tmp_path / "stop").touch()
        assert fleet.wait(60) == 0
    finally:
        fleet.kill()
        fleet.wait()
    seen = calls(tmp_path)
    trials = [version for version, trial, _pid in seen if trial]
    assert max(Counter(trials).values()) == 1, "two calls went out on one lease"
    assert {version for version, trial, _pid in seen if not trial} == {0}, "only calls from before it opened went out without a lease"
    assert len({pid for _version, _trial, pid in seen}) > 1
    events = moves("dead")
    assert events[:3] == [("closed", "open"), ("open", "half_open"), ("half_open", "open")]
    assert Counter(events)[("open", "half_open")] == Counter(events)[("half_open", "open")] + (row("dead").state == "half_open")
    taken_over = len(trials) - Counter(events)[("open", "half_open")]
    assert taken_over == 1, "the killed holder's lease passed on once, without an event"
    assert row("goodbye").window_failures == 6, "the last failures of a process are told when it ends"


def test_failures_are_told_together():
    link = GatedLink()
    with kept(link) as own:
        storm = circuit("storm", fail_max=1_000_000)
        storm.call(int)
        began = time.monotonic()
        fail_times(storm, 3000)
        wait_for(lambda: row("storm").window_failures == 3000, seconds=60, what="all are told")
        at_most = (time.monotonic() - began) / PUSH_SECONDS + 2
        own.stop(60)
    assert 1 <= link.statements.count(COUNT) <= at_most
    assert row("storm").window_calls == 3001


def test_of_many_threads_none_holds_a_lock_over_its_call_and_one_event_is_written(real):
    breaker = circuit("storm", fail_max=8)
    gate = threading.Barrier(8)
    breaker.call(int)

    def slow_failure() -> None:
        gate.wait(timeout=60)  # only passes when all eight are inside the call at once
        raise DependencyDown

    def work() -> None:
        with pytest.raises(DependencyDown):
            breaker.call(slow_failure)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    wait_for(lambda: moves("storm"), seconds=60, what="it opened")
    with pytest.raises(CircuitOpen):
        breaker.call(int)
    real.stop(60)
    assert moves("storm") == [("closed", "open")]


def test_nobody_waits_for_a_database_that_accepts_and_never_answers():
    """Every call here returns while the keeper's statement is still unanswered: the gate opens only afterwards."""
    link = GatedLink()
    with kept(link) as own:
        breaker, other = circuit("mail", fail_max=5), circuit("other", fail_max=1, reset_timeout=0.0, success_threshold=1)
        fail_times(other, 1)
        wait_for(lambda: moves("other"), seconds=60, what="the other is open")
        breaker.call(int)
        link.waiting.clear()
        link.gate.clear()
        own.look_soon()
        assert link.waiting.wait(60)
        for _ in range(3):
            assert breaker.call(int) == 0
        fail_times(breaker, 4)
        with pytest.raises(CircuitOpen) as refused:
            breaker.call(int)
        assert refused.value.cause == "DependencyDown: no answer"
        with pytest.raises(CircuitOpen):
            other.call(int)  # its rest is over, but nobody gives the lease
        assert circuit("made.meanwhile").call(int) == 0
        assert not link.gate.is_set()
        link.gate.set()
        wait_for(lambda: moves("mail"), seconds=60, what="what was counted meanwhile is told")
        assert wait_for(lambda: attempt(other), seconds=60, what="the lease is given") == "passed"
        own.stop(60)
    assert moves("mail") == [("closed", "open")]


def attempt(breaker) -> str:
    try:
        breaker.call(int)
    except CircuitOpen:
        return ""
    return "passed"


def test_a_database_that_vanishes_and_comes_back(monkeypatch):
    """Calls go on and are judged here; on return the counts are pushed, and what the fleet decided meanwhile is not overwritten."""
    given = connection.settings_dict
    assert given["HOST"].startswith("/"), "the tests' server has a Unix socket"
    with Proxy(f"{given['HOST']}/.s.PGSQL.{given['PORT'] or 5432}") as line:

        def connect() -> psycopg.Connection:
            return psycopg.connect(
                host="127.0.0.1", port=line.port, dbname=given["NAME"], user=given["USER"], password=given["PASSWORD"], autocommit=True, connect_timeout=2
            )

        with kept(OwnLink(connect)) as own:
            breaker, forced = circuit("mail", fail_max=10), circuit("forced", fail_max=10)
            breaker.call(int)
            forced.call(int)
            wait_for(lambda: Circuit.objects.count() == 2, seconds=60, what="both are known")
            line.refuse()
            fail_times(forced, 4)
            fail_times(breaker, 9)
            with pytest.raises(CircuitOpen):
                breaker.call(int)
            Circuit.objects.filter(name="forced").update(state=CircuitState.DISABLED, version=1)
            line.mend()
            wait_for(lambda: moves("mail"), seconds=60, what="the fleet heard of it")
            wait_for(lambda: forced.seen.state is CircuitState.DISABLED, seconds=60, what="what was decided meanwhile is known")
            own.stop(60)
    assert moves("mail") == [("closed", "open")]
    assert (row("forced").window_failures, row("forced").state) == (0, CircuitState.DISABLED)


def test_a_stopped_server_is_given_up_after_a_second():
    """Its connection is open and silent for ever; only the client can end that."""
    given = connection.settings_dict
    with Proxy(f"{given['HOST']}/.s.PGSQL.{given['PORT'] or 5432}") as line:
        link = OwnLink(
            lambda: _Impatient.connect(host="127.0.0.1", port=line.port, dbname=given["NAME"], user=given["USER"], password=given["PASSWORD"], autocommit=True)
        )
        assert link.run("SELECT 1") == [(1,)]
        line.blackhole()
        with pytest.raises(LinkDown):
            link.run("SELECT 2")
        assert link.away
        with pytest.raises(LinkDown, match="a moment ago"):
            link.run("SELECT 3")
        line.mend()
        wait_for(lambda: not link.away, seconds=60, what="it asks again")
        assert link.run("SELECT 4") == [(4,)]
        link.close()


def test_its_connection_is_its_own_and_has_short_limits(real):
    link = OwnLink()
    try:
        limits = [link.run(f"SHOW {name}")[0][0] for name in ("statement_timeout", "lock_timeout", "application_name", "transaction_read_only")]
        assert limits == ["500ms", "200ms", "holdfast-circuits", "off"]
    finally:
        link.close()


def test_it_works_while_the_caller_holds_a_broken_transaction(real):
    from django.db import DataError, transaction

    near = circuit("mail", fail_max=1)
    near.call(int)

    def break_and_fail() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            try:
                cursor.execute("SELECT 1 / 0")
            finally:
                near.went_badly(near.permit, DependencyDown("x"), 0.0)  # a call that began before the transaction, in another thread

    with pytest.raises(DataError):
        break_and_fail()
    wait_for(lambda: moves("mail"), seconds=60, what="it opened in spite of the rollback")


def test_a_lease_that_comes_too_late_for_its_caller_is_the_next_ones():
    link = GatedLink()
    with kept(link) as own:
        breaker = circuit("mail", fail_max=1, reset_timeout=0.0, success_threshold=1)
        with pytest.raises(DependencyDown):
            breaker.call(fail)
        wait_for(lambda: breaker.seen.state is CircuitState.OPEN, seconds=60, what="it is open")
        assert wait_for(lambda: attempt(breaker), seconds=60, what="a trial is made, however late its lease comes") == "passed"
        wait_for(lambda: row("mail").state == CircuitState.CLOSED, seconds=60, what="it closed")
        own.stop(60)
