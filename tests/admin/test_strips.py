"""What a circuit's strip draws and says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from resilience.admin import strips
from resilience.circuits.limits import Limits
from resilience.models import Circuit, CircuitEvent
from tests.admin.rows import make_circuit

NOW = timezone.now()
HOUR = timedelta(hours=1)


def events(*moves: tuple[float, str, str]) -> list[CircuitEvent]:
    """Transitions, each so many minutes ago."""
    return [
        CircuitEvent(at=NOW - timedelta(minutes=minutes), version=number, from_state=old, to_state=new) for number, (minutes, old, new) in enumerate(moves, 1)
    ]


def shown(state: str, *moves: tuple[float, str, str]) -> list[strips.Span]:
    return strips.spans(Circuit(name="mail", state=state), events(*moves), now=NOW, length=HOUR)


def test_without_transitions_it_was_always_what_it_is() -> None:
    [span] = shown("open")
    assert (span.state, span.left, span.width, strips.in_words([span])) == ("open", 0.0, strips.WIDTH, "open 1 h")
    assert strips.in_words(shown("closed")) == "closed all the time"


def test_each_time_in_a_state_is_where_it_was() -> None:
    found = shown(
        "closed", (30.0, "closed", "open"), (15.0, "open", "half_open"), (15.0, "half_open", "open"), (10.0, "open", "half_open"), (9.0, "half_open", "closed")
    )
    assert [(span.state, span.left) for span in found] == [
        ("closed", 0.0), ("open", 200.0), ("half_open", 300.0), ("open", 300.0), ("half_open", 333.3), ("closed", 340.0),
    ]  # fmt: skip
    assert strips.in_words(found) == "open 20 min in 2 times, half open 60 s in 2 times; closed the rest"


def test_what_is_older_than_the_strip_only_says_how_it_began() -> None:
    found = shown("closed", (90.0, "closed", "open"), (40.0, "open", "closed"))
    assert [(span.state, span.left) for span in found] == [("open", 0.0), ("closed", 133.3)]


def test_a_moment_is_seen_and_stays_inside() -> None:
    found = shown("open", (0.0001, "closed", "open"))
    assert found[-1].left + found[-1].width <= strips.WIDTH
    assert found[-1].width >= strips.LEAST_WIDTH


def test_the_drawing_says_in_words_what_it_shows() -> None:
    drawn = strips.drawing(shown("closed", (30.0, "closed", "forced_open"), (15.0, "forced_open", "closed")), title="The last hour")
    assert 'role="img" aria-label="The last hour: forced open 15 min; closed the rest"' in drawn
    assert drawn.count("<rect") == 3


def test_the_rule_in_words() -> None:
    assert strips.rule({}) == "–"
    assert strips.rule(Limits(slow_seconds=5.0).as_json()) == (
        "Of 10 calls or more within 30 s, 50% failed, or 80% took 5.0 s or longer. It rests 10 s at first, and closes after 3 trial calls went well."
    )
    assert strips.rule(Limits(min_calls=5, good_trials=1).as_json()).endswith("closes after one trial call went well.")


@pytest.mark.django_db
def test_the_pages_show_it(operator: Client) -> None:
    circuit = make_circuit(name="mail", limits=Limits().as_json())
    CircuitEvent.objects.create(circuit=circuit, version=1, from_state="closed", to_state="open", at=timezone.now() - timedelta(minutes=90))
    CircuitEvent.objects.create(circuit=circuit, version=2, from_state="open", to_state="closed", at=timezone.now() - timedelta(minutes=29, seconds=30))
    listed = operator.get(reverse("admin:resilience_circuit_changelist")).text
    assert "The last hour: open 30 min; closed the rest" in listed
    page = operator.get(reverse("admin:resilience_circuit_change", args=["mail"])).text
    assert "The last 24 hours: open 1 h; closed the rest" in page
    assert "Of 10 calls or more within 30 s" in page
