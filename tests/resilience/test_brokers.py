"""Wake-ups through a real Valkey, and through moto's SQS: sent by a thread, taken with limits, and nothing stops while they are away."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from django_q.conf import Conf
from django_q.signing import SignedPackage

from resilience.circuits import CircuitOpen, circuit
from resilience.metrics import current
from resilience.tasks import brokers, durable, enqueue, watching
from resilience.tasks.brokers import base, broker_of, sender
from resilience.tasks.brokers.sender import Sender
from resilience.tasks.brokers.sqs import SqsBroker
from resilience.tasks.brokers.valkey import ValkeyBroker
from resilience.tasks.pulse import Pulse
from resilience.tasks.wake import wake
from resilience.watching.readiness import State, ok
from tests import s3, valkey

pytestmark = pytest.mark.django_db(transaction=True)  # the circuit's thread must see rows

KINDS = ("valkey", "sqs")


@durable("test.through_a_broker")
def body(context) -> None: ...


@pytest.fixture(scope="module")
def server():
    with valkey.running() as running:
        yield running


@pytest.fixture(scope="module")
def amazon():
    with s3.running() as running:
        yield running


@pytest.fixture
def fresh(monkeypatch, settings):
    """Brokers and a sending thread of this test's own."""
    monkeypatch.setattr(brokers, "_BROKERS", {})
    monkeypatch.setattr(sender, "SENDER", Sender())
    monkeypatch.setattr(base, "FIRST_PAUSE_SECONDS", 1.0)
    settings.TASK_BROKER_SECONDS = 5.0
    yield
    sender.SENDER.flush(30)


@pytest.fixture
def through_valkey(fresh, server, monkeypatch, settings):
    settings.TASK_BROKER_URL = server.url
    monkeypatch.setattr(Conf, "BROKER_CLASS", "resilience.tasks.brokers.valkey.ValkeyBroker")
    if server.process is None:
        server.start()
    with server.client() as client:
        client.flushall()
    return broker_of("default")


@pytest.fixture
def through_sqs(fresh, amazon, monkeypatch):
    for name, value in s3.KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Conf, "BROKER_CLASS", "resilience.tasks.brokers.sqs.SqsBroker")
    monkeypatch.setattr(Conf, "SQS", {"region_name": "us-east-1", "endpoint_url": amazon.url})
    monkeypatch.setattr("resilience.tasks.brokers.sqs.TAKE_SECONDS", 1)
    amazon.empty()
    return broker_of("default")


@pytest.fixture(params=KINDS)
def broker(request):
    return request.getfixturevalue(f"through_{request.param}")


def sent() -> None:
    assert sender.SENDER.flush(30)


def test_the_setting_chooses_the_broker(broker):
    assert isinstance(broker, (ValkeyBroker, SqsBroker))
    assert broker.queue == "default"


def test_what_is_sent_is_taken_once(broker):
    before = current("holdfast_tasks_wake_ups_total", outcome="sent")
    wake("default")
    sent()
    assert broker.waiting() == 1
    ((handle, pack),) = broker.dequeue()
    assert SignedPackage.loads(pack)["args"] == ("", "default")
    broker.acknowledge(handle)
    assert broker.waiting() == 0
    assert broker.dequeue() is None
    assert current("holdfast_tasks_wake_ups_total", outcome="sent") >= before + 1


def test_queues_do_not_hear_each_other(broker):
    wake("media")
    sent()
    assert broker.waiting() == 0
    assert broker_of("media").waiting() == 1


def test_work_put_down_wakes_somebody(broker):
    enqueue("test.through_a_broker")
    sent()
    assert broker.waiting() == 1


def test_the_clusters_own_canary_comes_before_any_message(broker):
    broker.pulse = Pulse("default", every=15, patience=60)
    broker.pulse.look(0, someone_is_free=True)
    wake("default")
    sent()
    ((handle, pack),) = broker.dequeue()
    assert SignedPackage.loads(pack)["func"] == "resilience.tasks.pulse.beat"
    broker.acknowledge(handle)
    assert broker.pulse.age(1) == 0
    assert broker.waiting() == 1


def test_a_backlog_does_not_flood_valkey(through_valkey):
    for _ in range(3):
        wake("default", 15)
        sent()
    assert through_valkey.waiting() == base.ENOUGH_WAITING


def test_many_for_sqs_go_together(through_sqs):
    wake("default", 3)
    sent()
    assert through_sqs.waiting() == 3


class TestAway:
    def test_whoever_puts_work_down_does_not_wait(self, fresh):
        """However long the broker takes: the caller is back while it still has not answered."""
        answer, asked = SimpleNamespace(now=False), []

        class Slow:
            queue = "default"

            def wake(self, count: int = 1) -> None:
                sender.SENDER.put(self, count)

            def send(self, count: int) -> None:
                asked.append(count)
                while not answer.now:
                    time.sleep(0.01)

        brokers._BROKERS["default"] = Slow()
        for _ in range(100):
            enqueue("test.through_a_broker")
        assert not sender.SENDER.flush(0)  # nothing was answered yet, and all of them are back
        answer.now = True
        sent()
        assert sum(asked) <= 1 + base.ENOUGH_WAITING  # what waited was a number, not a list

    def test_a_broker_that_is_gone_is_counted_and_left_alone_after_a_while(self, through_valkey, server, caplog):
        server.kill()
        failed = current("holdfast_tasks_wake_ups_total", outcome="failed")
        for _ in range(30):
            wake("default")
            sent()
        assert current("holdfast_tasks_wake_ups_total", outcome="failed") >= failed + 30
        with pytest.raises(CircuitOpen):
            circuit(sender.CIRCUIT).call(lambda: None)

    def test_one_that_never_answers_is_given_up(self, through_valkey, server, settings):
        settings.TASK_BROKER_SECONDS = 0.2
        brokers._BROKERS.clear()
        failed = current("holdfast_tasks_wake_ups_total", outcome="failed")
        with server.silent():
            wake("default")
            sent()
        assert current("holdfast_tasks_wake_ups_total", outcome="failed") >= failed + 1

    def test_workers_ask_the_database_instead(self, through_valkey, server, monkeypatch):
        monkeypatch.setattr(base.time, "sleep", lambda _seconds: None)
        server.kill()
        assert through_valkey.dequeue() is None  # nothing is due
        enqueue("test.through_a_broker")
        ((handle, pack),) = through_valkey.dequeue()
        assert handle is None
        assert SignedPackage.loads(pack)["func"] == base.WAKE_UP

    def test_and_the_broker_again_once_it_is_back(self, through_valkey, server, monkeypatch):
        monkeypatch.setattr(base.time, "sleep", lambda _seconds: None)
        server.kill()
        assert through_valkey.dequeue() is None
        server.start()
        wake("default")
        sent()
        assert through_valkey.waiting() == 1
        assert len(through_valkey.dequeue()) == 1
        assert through_valkey.waiting() == 0

    def test_an_sqs_without_an_answer_is_no_end_either(self, through_sqs, monkeypatch, settings):
        monkeypatch.setattr(base.time, "sleep", lambda _seconds: None)
        monkeypatch.setattr(Conf, "SQS", {"region_name": "us-east-1", "endpoint_url": "http://127.0.0.1:9"})
        enqueue("test.through_a_broker")
        ((handle, _pack),) = through_sqs.dequeue()
        assert handle is None
        through_sqs.acknowledge("a handle of a message taken before")


class TestWhatIsSaid:
    def test_it_is_well(self, broker, settings):
        settings.TASK_BROKER_URL = settings.TASK_BROKER_URL or "sqs://us-east-1"
        wake("default")
        sent()
        assert watching.broker() == ok("1 wake-ups wait in the queue default.")

    def test_it_is_away_and_what_that_means(self, through_valkey, server):
        server.kill()
        said = watching.broker()
        assert said.state == State.DEGRADED
        assert "workers ask the database" in said.said

    def test_without_one_there_is_nothing_to_ask(self, settings):
        settings.TASK_BROKER_URL = ""
        assert watching.broker().state == State.OK
