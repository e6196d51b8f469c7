"""What operators set for a kind of task counts at once, and only what makes sense can be set."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction
from hypothesis import given
from hypothesis import strategies as st

from resilience.http.errors import DatabaseUnavailable, RateLimited
from resilience.models import Pause, Task, TaskPolicy
from resilience.models.tasks import TaskState
from resilience.tasks import durable, enqueue, policies, registry
from resilience.tasks.backoff import bounds, delay, schedule
from resilience.tasks.decision import RetryIn, decide
from resilience.tasks.failure import describe
from resilience.tasks.registry import Kind, kind_of
from resilience.tasks.runner import run_due

unit = st.floats(0, 1, exclude_max=True)


@durable("test.policy", tries=3, base=4.0, cap=60.0)
def fails(context) -> None:
    raise DatabaseUnavailable()


@given(number=st.integers(1, 2_000), base=st.floats(0.1, 1e4), cap=st.floats(0.1, 1e5), jitter=st.floats(0, 1), chance=unit)
def test_a_wait_lies_within_its_bounds_whatever_the_jitter(number, base, cap, jitter, chance):
    least, most = bounds(number, base=base, cap=cap, jitter=jitter)
    assert 0 <= least <= delay(number, base=base, cap=cap, jitter=jitter, random=lambda: chance) <= most <= cap


def test_a_schedule_is_the_bounds_of_each_wait():
    assert schedule(4, base=5, cap=15) == [(2.5, 5), (5, 10), (7.5, 15), (7.5, 15)]
    assert schedule(2, base=5, cap=15, jitter=0) == [(5, 5), (10, 10)]


def test_what_was_asked_too_often_is_left_alone_for_longer():
    kind = Kind("test.kind", lambda context: None, base=5.0, cap=900.0)
    throttled = describe(RateLimited())
    assert throttled.throttled
    assert decide(throttled, kind=kind, raised=1, snoozed_for=0, random=lambda: 0.0) == RetryIn(15.0)
    assert decide(throttled, kind=kind, raised=3, snoozed_for=0, random=lambda: 0.0) == RetryIn(60.0)


def test_a_cloud_clients_throttling_is_known_by_its_code_also_behind_another_error():
    class ClientError(Exception):
        def __init__(self, code: str) -> None:
            self.response = {"Error": {"Code": code}}

    def wrapped(code: str) -> BaseException:
        try:
            raise ValueError("our words") from ClientError(code)
        except ValueError as error:
            return error

    assert describe(ClientError("ThrottlingException")).throttled
    assert describe(wrapped("SlowDown")).throttled
    assert not describe(wrapped("AccessDenied")).throttled


@pytest.mark.django_db
class TestOverrides:
    def test_without_a_row_the_declaration_counts(self):
        assert policies.effective("test.policy") == kind_of("test.policy")

    def test_a_row_overrides_what_it_sets_and_nothing_else(self):
        TaskPolicy.objects.create(kind="test.policy", tries=7, jitter=0.0)
        policies.forget()
        found = policies.effective("test.policy")
        assert (found.tries, found.jitter, found.base, found.cap) == (7, 0.0, 4.0, 60.0)

    def test_it_is_read_once_for_many_questions(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            for _ in range(20):
                policies.effective("test.policy")
                policies.paused("test.policy", "default")

    def test_a_change_counts_without_a_restart(self, monkeypatch):
        assert policies.effective("test.policy").tries == 3
        TaskPolicy.objects.create(kind="test.policy", tries=9)
        assert policies.effective("test.policy").tries == 3  # still fresh
        monkeypatch.setattr(policies, "FRESH_SECONDS", -1.0)
        assert policies.effective("test.policy").tries == 9

    def test_while_the_database_is_away_what_was_read_last_counts(self, monkeypatch):
        TaskPolicy.objects.create(kind="test.policy", tries=9)
        policies.forget()
        assert policies.effective("test.policy").tries == 9

        def gone(*_arguments: object) -> None:
            raise OperationalError("gone")

        monkeypatch.setattr(policies, "fetch", gone)
        policies.forget()
        assert policies.effective("test.policy").tries == 9

    def test_a_run_goes_by_the_row(self):
        TaskPolicy.objects.create(kind="test.policy", tries=1)
        policies.forget()
        task = enqueue("test.policy")
        run_due()
        task.refresh_from_db()
        assert task.state == TaskState.DEAD

    def test_each_kind_that_ships_has_a_row_with_nothing_set(self):
        from importlib import import_module

        from django.apps import apps

        from resilience import migrations

        for path in sorted(Path(migrations.__file__).parent.glob("*_seed_*polic*.py")):
            seeds = import_module(f"resilience.migrations.{path.stem}")
            seeds.unseed(apps, None)
            seeds.seed(apps, None)
        ours = {name for name, kind in registry._KINDS.items() if not kind.body.__module__.startswith("tests.")}
        only_for_looking = {"resilience.canary", "resilience.canary_media"}
        assert set(TaskPolicy.objects.values_list("kind", flat=True)) == ours - only_for_looking
        assert not any(row.overrides for row in TaskPolicy.objects.all())


@pytest.mark.django_db
class TestWhatCanBeSet:
    @pytest.mark.parametrize(
        "values",
        [{"tries": 0}, {"tries": 101}, {"base_s": 0.0}, {"base_s": 10.0, "cap_s": 5.0}, {"jitter": 1.5}, {"timeout_s": 0.5}, {"cap_s": 90_000.0}],
        ids=lambda values: ",".join(values),
    )
    def test_nonsense_is_refused_by_the_form_and_by_the_database(self, values):
        row = TaskPolicy(kind="test.policy", **values)
        with pytest.raises(ValidationError):
            row.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()

    def test_a_cap_is_compared_with_a_base_that_stays_as_declared(self):
        with pytest.raises(ValidationError) as refused:
            TaskPolicy(kind="test.policy", cap_s=2.0).full_clean()
        assert "shorter than the first one (4 s)" in str(refused.value)
        TaskPolicy(kind="test.policy", cap_s=4.0).full_clean()

    def test_one_pause_each(self):
        Pause.objects.create(scope="kind", name="test.policy", reason="x")
        with pytest.raises(IntegrityError), transaction.atomic():
            Pause.objects.create(scope="kind", name="test.policy", reason="y")

    def test_waiting_tasks_keep_their_place_when_a_policy_changes(self):
        task = enqueue("test.policy")
        TaskPolicy.objects.create(kind="test.policy", tries=1)
        assert Task.objects.get(pk=task.pk).state == TaskState.PENDING
