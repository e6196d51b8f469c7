"""Wake-ups are hints: few are sent, lost ones are sent again, and none is believed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from resilience.models import Task
from resilience.tasks import durable, enqueue, wakeups
from resilience.tasks.brokers import broker_of
from resilience.tasks.brokers.base import ENOUGH_WAITING
from resilience.tasks.wake import wake

pytestmark = pytest.mark.django_db


@durable("test.woken")
def body(context) -> None: ...


class TestTheSafetyNet:
    def test_a_due_task_that_nobody_was_woken_for_is_sent_once(self):
        task = enqueue("test.woken")
        Task.objects.update(woken_at=None)
        assert wakeups.send_wake_ups(dry_run=True) == 1
        assert wakeups.send_wake_ups() == 1
        assert wakeups.send_wake_ups() == 0
        task.refresh_from_db()
        assert task.woken_at is not None
        assert OrmQ.objects.filter(key="default").count() == 1

    def test_one_just_enqueued_or_not_yet_due_is_not_sent(self):
        enqueue("test.woken")
        enqueue("test.woken", run_at=timezone.now() + timedelta(minutes=1))
        assert wakeups.send_wake_ups() == 0

    def test_a_lost_wake_up_costs_one_sweep(self):
        enqueue("test.woken")
        Task.objects.update(woken_at=timezone.now() - timedelta(seconds=settings.TASK_SWEEP_SECONDS + 1))
        assert wakeups.send_wake_ups() == 1
        assert OrmQ.objects.count() == 1

    def test_a_backlog_does_not_flood_the_transport(self):
        for _ in range(wakeups.WAKE_LIMIT + 5):
            enqueue("test.woken")
        Task.objects.update(woken_at=None)
        assert wakeups.send_wake_ups() == wakeups.WAKE_LIMIT
        assert wakeups.send_wake_ups() == 0  # those who were woken go on by themselves
        assert OrmQ.objects.count() == ENOUGH_WAITING


class TestTheDatabaseAsBroker:
    def test_what_is_sent_is_taken_once_and_forgotten_when_confirmed(self):
        broker = broker_of("default")
        wake("default")
        assert broker.waiting() == 1
        (taken,) = broker.take()
        assert taken[1] == broker.wake_up
        assert broker.waiting() == 0
        assert OrmQ.objects.count() == 1
        broker.acknowledge(taken[0])
        assert OrmQ.objects.count() == 0

    def test_queues_do_not_hear_each_other(self):
        wake("media")
        assert broker_of("default").waiting() == 0
        assert broker_of("media").waiting() == 1

    def test_no_more_are_added_while_enough_wait(self):
        wake("default", ENOUGH_WAITING - 1)
        wake("default", 5)
        wake("default")
        assert broker_of("default").waiting() == ENOUGH_WAITING

    def test_none_is_sent_for_nothing(self):
        wake("default", 0)
        assert OrmQ.objects.count() == 0

    def test_those_a_killed_worker_took_are_dropped_after_an_hour(self):
        now = timezone.now()
        for key, taken in (("old", 3700), ("new", 60)):
            OrmQ.objects.create(key=key, payload="", lock=now + timedelta(seconds=Conf.RETRY - taken))
        OrmQ.objects.create(key="media", payload="", lock=now - timedelta(seconds=90))
        assert wakeups.drop_stale_wake_ups(dry_run=True) == 1
        assert wakeups.drop_stale_wake_ups() == 1
        assert sorted(OrmQ.objects.values_list("key", flat=True)) == ["media", "new"]
        assert 89 < wakeups.oldest_wake_up_age("media") < 95
        assert wakeups.oldest_wake_up_age("default") == 0
