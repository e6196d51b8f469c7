"""Events on their way to the queue: in order, and lost, doubled, delayed, reordered or malformed where the fault book says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from processing.emulator.clock import Clock
from processing.emulator.events import TRIES, Events
from processing.emulator.faults import FaultBook, rule_of
from processing.emulator.journal import Journal
from processing.emulator.state import Job

from .api import event_of, wait


def job_of(name: str, region: str = "eu-west-1") -> Job:
    request = {"Settings": {}, "UserMetadata": {"name": name}}
    return Job(id=name, arn=name, region=region, account="1", queue="q", request=request, token="", priority=0, created=0.0)


class Line:
    """Events, and what came out of them."""

    def __init__(self, *rules: dict[str, Any]) -> None:
        self.clock, self.faults, self.came = Clock(), FaultBook(), []
        self.calls: list[tuple[str, int]] = []
        self.failing = 0
        self.gate = threading.Event()
        self.gate.set()
        self.journal = Journal(self.clock)
        self.faults.add([rule_of(rule) for rule in rules])
        self.events = Events(self.clock, self.faults, self.journal, self.send)

    def send(self, region: str, bodies: list[str]) -> None:
        assert self.gate.wait(60)
        if self.failing:
            self.failing -= 1
            raise OSError("nobody there")
        self.calls.append((region, len(bodies)))
        self.came += bodies

    def emit(self, *names: str) -> None:
        for name in names:
            job, _, status = name.partition(".")
            self.events.emit(job_of(job), event_of(job_of(job), status))

    def names(self) -> list[str]:
        details = [json.loads(body)["detail"] for body in self.came]
        return [f"{detail.get('jobId')}.{detail['status']}" for detail in details]

    def expect(self, *names: str) -> None:
        wait(lambda: len(self.came) >= len(names) and self.events.idle())
        assert self.names() == list(names)


@contextmanager
def line(*rules: dict[str, Any]) -> Iterator[Line]:
    found = Line(*rules)
    found.events.start()
    try:
        yield found
    finally:
        found.gate.set()
        found.events.close()


def test_events_come_in_order_ten_at_once_of_one_region() -> None:
    with line() as found:
        found.gate.clear()
        names = [f"a.{number}" for number in range(25)]
        found.emit(*names)
        job = job_of("b", "eu-central-1")
        found.events.emit(job, event_of(job, "last"))
        found.gate.set()
        found.expect(*names, "b.last")
        assert found.calls[-1] == ("eu-central-1", 1)
        assert max(count for _, count in found.calls) <= 10


def test_a_lost_event_is_only_in_the_journal() -> None:
    with line({"fault": "event_lost", "status": "COMPLETE", "count": 1}) as found:
        found.emit("a.PROGRESSING", "a.COMPLETE", "b.COMPLETE")
        found.expect("a.PROGRESSING", "b.COMPLETE")
        entries = [(entry["job"], entry["status"], entry["faults"]) for entry in found.journal.since() if entry["kind"] == "event"]
        assert entries == [("a", "PROGRESSING", []), ("a", "COMPLETE", ["event_lost"]), ("b", "COMPLETE", [])]


def test_a_doubled_event_comes_twice_with_one_id() -> None:
    with line({"fault": "event_doubled", "status": "COMPLETE"}) as found:
        found.emit("a.COMPLETE")
        found.expect("a.COMPLETE", "a.COMPLETE")
        assert found.came[0] == found.came[1]


def test_a_delayed_event_waits_for_the_emulators_clock() -> None:
    with line({"fault": "event_delayed", "status": "COMPLETE", "seconds": 3600}) as found:
        found.emit("a.COMPLETE", "b.PROGRESSING")
        wait(lambda: found.came)
        assert found.names() == ["b.PROGRESSING"]
        assert not found.events.idle()
        found.clock.advance(3601)
        found.expect("b.PROGRESSING", "a.COMPLETE")


def test_a_reordered_event_comes_after_the_next_one_of_its_job() -> None:
    with line({"fault": "event_reordered", "status": "PROGRESSING", "seconds": 3600}) as found:
        found.emit("a.PROGRESSING", "b.COMPLETE", "a.COMPLETE")
        found.expect("b.COMPLETE", "a.COMPLETE", "a.PROGRESSING")


def test_a_reordered_event_without_a_next_one_comes_in_the_end() -> None:
    with line({"fault": "event_reordered", "status": "COMPLETE", "seconds": 3600}) as found:
        found.emit("a.COMPLETE", "b.COMPLETE")
        found.clock.advance(3601)
        wait(lambda: len(found.came) == 2)
        found.emit("a.LATE")
        found.expect(*found.names()[:2], "a.LATE")  # what has gone is not sent again


@pytest.mark.parametrize("how", ["json", "fields"])
def test_a_malformed_event_is_no_json_or_lacks_what_it_needs(how: str) -> None:
    with line({"fault": "event_malformed", "how": how}) as found:
        found.emit("a.COMPLETE")
        wait(lambda: found.came)
        if how == "json":
            with pytest.raises(ValueError):
                json.loads(found.came[0])
        else:
            detail = json.loads(found.came[0])["detail"]
            assert "jobId" not in detail
            assert detail["status"] == "??"


def test_faults_can_be_joined() -> None:
    with line({"fault": "event_doubled"}, {"fault": "event_delayed", "seconds": 60}) as found:
        found.emit("a.COMPLETE")
        found.clock.advance(61)
        found.expect("a.COMPLETE", "a.COMPLETE")


def test_what_could_not_be_sent_is_sent_again_and_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("processing.emulator.events.PAUSE_S", 0.001)
    with line() as found:
        found.failing = 3
        found.emit("a.COMPLETE")
        found.expect("a.COMPLETE")
        found.failing = TRIES
        found.emit("b.COMPLETE")
        wait(lambda: any(entry["kind"] == "events_given_up" for entry in found.journal.since()))
        found.emit("c.COMPLETE")
        found.expect("a.COMPLETE", "c.COMPLETE")
    assert "nobody there" in capsys.readouterr().err


def test_what_is_due_is_sent_before_the_end() -> None:
    with line({"fault": "event_delayed", "status": "LATE", "seconds": 3600}) as found:
        found.gate.clear()
        names = [f"a.{number}" for number in range(15)]
        found.emit(*names, "a.LATE")
        closing = threading.Thread(target=found.events.close)
        closing.start()
        found.gate.set()
        closing.join(60)
        assert found.names() == names
