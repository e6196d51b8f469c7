"""A cluster's canary: through pusher, worker and monitor, or the cluster is replaced."""

from __future__ import annotations

from django_q.signing import SignedPackage

from resilience.tasks import pulse as module
from resilience.tasks.pulse import Pulse, beat


def new() -> Pulse:
    return Pulse("default", every=15, patience=60)


def pass_through(pulse: Pulse, monkeypatch) -> None:
    handle, pack = pulse.take()
    assert SignedPackage.loads(pack)["func"] == "resilience.tasks.pulse.beat"
    monkeypatch.setattr(module, "_current", pulse)
    beat()
    assert pulse.acknowledge(handle)


def test_one_that_comes_through_is_followed_by_another_after_a_while(monkeypatch):
    pulse = new()
    assert not pulse.look(0, someone_is_free=True)
    assert pulse.age(3) == 3
    pass_through(pulse, monkeypatch)
    assert pulse.age(3) == 0
    assert not pulse.look(14, someone_is_free=True)
    assert pulse.take() is None
    assert not pulse.look(15, someone_is_free=True)
    assert pulse.take() is not None


def test_it_is_taken_once():
    pulse = new()
    pulse.look(0, someone_is_free=True)
    assert pulse.take() is not None
    assert pulse.take() is None


def test_one_that_is_lost_with_its_process_is_made_good_by_the_next(monkeypatch):
    pulse = new()
    pulse.look(0, someone_is_free=True)
    assert pulse.take() is not None  # by a pusher that is killed
    assert not pulse.look(15, someone_is_free=True)
    pass_through(pulse, monkeypatch)
    assert not pulse.look(16, someone_is_free=True)
    assert not pulse.look(70, someone_is_free=True)


def test_one_that_nobody_takes_means_standstill():
    pulse = new()
    pulse.look(0, someone_is_free=True)
    assert not pulse.look(59, someone_is_free=True)
    assert pulse.look(60, someone_is_free=True)


def test_one_that_waits_for_busy_hands_does_not():
    pulse = new()
    pulse.look(0, someone_is_free=True)
    pulse.take()
    for second in range(0, 600, 10):
        assert not pulse.look(second, someone_is_free=False)
    assert not pulse.look(640, someone_is_free=True)
    assert pulse.look(650, someone_is_free=True)


def test_one_that_ran_and_is_never_acknowledged_means_standstill_however_busy(monkeypatch):
    pulse = new()
    pulse.look(0, someone_is_free=True)
    pulse.take()
    monkeypatch.setattr(module, "_current", pulse)
    beat()
    assert pulse.look(60, someone_is_free=False)


def test_a_wake_ups_handle_is_not_a_canarys():
    pulse = new()
    pulse.look(0, someone_is_free=True)
    assert not pulse.acknowledge(17)
    assert not pulse.acknowledge("AQEB:handle")
    assert pulse.age(1) == 1
