"""What collides is run again as a whole; what may have happened is not."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from resilience.database import CommitUnknown
from resilience.metrics import current
from resilience.models import OperatorAction
from resilience.transactions import COLLISIONS, retried, retrying_atomic

pytestmark = pytest.mark.django_db


def collision(kind: type[psycopg.Error]) -> OperationalError:
    error = OperationalError("they collided")
    error.__cause__ = kind("they collided")
    return error


def failing(times: int, error: Callable[[], Exception], runs: list[int]) -> Callable[[], str]:
    def block() -> str:
        runs.append(OperatorAction.objects.count())
        OperatorAction.objects.create(action="test", target="x")
        if len(runs) <= times:
            raise error()
        return "done"

    return block


@pytest.mark.parametrize("kind", [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable])
def test_a_block_that_collided_is_run_again_from_its_start(kind: type[psycopg.Error]) -> None:
    runs: list[int] = []
    before = current("holdfast_database_retries_total", reason=COLLISIONS[kind.sqlstate]) or 0
    assert retrying_atomic(failing(2, lambda: collision(kind), runs)) == "done"
    assert current("holdfast_database_retries_total", reason=COLLISIONS[kind.sqlstate]) == before + 2
    assert runs == [0, 0, 0]  # nothing was left of the runs before
    assert OperatorAction.objects.count() == 1


def test_a_block_that_goes_on_colliding_is_given_up_after_five_tries() -> None:
    runs: list[int] = []
    with pytest.raises(OperationalError):
        retrying_atomic(failing(99, lambda: collision(psycopg.errors.DeadlockDetected), runs))
    assert len(runs) == 5
    assert not OperatorAction.objects.exists()


@pytest.mark.parametrize("error", [ValueError("x"), collision(psycopg.errors.UniqueViolation), CommitUnknown("x")], ids=["ours", "not a collision", "unknown"])
def test_what_is_no_collision_is_not_run_again(error: Exception) -> None:
    runs: list[int] = []
    with pytest.raises(type(error)):
        retrying_atomic(failing(99, lambda: error, runs))
    assert len(runs) == 1


def test_it_refuses_to_be_a_part_of_another_block() -> None:
    @retried
    def change() -> None:
        raise AssertionError("it ran")

    with transaction.atomic(), pytest.raises(RuntimeError, match="inside another"):
        change()


def test_a_part_that_may_join_leaves_running_again_to_the_outermost_block() -> None:
    runs: list[int] = []
    part = retried(joins=True)(failing(1, lambda: collision(psycopg.errors.DeadlockDetected), runs))
    with pytest.raises(OperationalError), transaction.atomic():
        part()
    assert len(runs) == 1
    assert part() == "done"


@pytest.mark.django_db(transaction=True)
def test_of_two_blocks_in_a_deadlock_both_end_well() -> None:
    both_hold_one = threading.Barrier(2)
    runs: list[int] = []
    faults: list[Exception] = []

    def cross(first: int, second: int) -> None:
        def block() -> None:
            runs.append(first)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [first])
                if len(runs) <= 2:
                    both_hold_one.wait(60)
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [second])

        try:
            retrying_atomic(block)
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=cross, args=order) for order in ((71, 72), (72, 71))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults
    assert len(runs) == 3  # the victim once more, the other once


@pytest.mark.django_db(transaction=True)
def test_a_block_whose_connection_was_killed_before_the_commit_is_run_again() -> None:
    runs: list[int] = []

    def block() -> int:
        runs.append(1)
        made = OperatorAction.objects.create(action="test", target="x")
        if len(runs) == 1:
            _kill_own_backend()
        return OperatorAction.objects.filter(pk=made.pk).count()

    assert retrying_atomic(block) == 1
    assert len(runs) == 2
    assert OperatorAction.objects.filter(action="test").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_hook_that_fails_after_the_commit_does_not_run_the_block_again() -> None:
    runs: list[int] = []

    def hook() -> None:
        raise collision(psycopg.errors.DeadlockDetected)

    def block() -> None:
        runs.append(1)
        transaction.on_commit(hook)

    with pytest.raises(OperationalError):
        retrying_atomic(block)
    assert len(runs) == 1


def _kill_own_backend() -> None:
    with psycopg.connect(
        **{key: value for key, value in connection.get_connection_params().items() if key in ("dbname", "user", "password", "host", "port")}
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [connection.connection.info.backend_pid])
