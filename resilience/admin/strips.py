"""A circuit's recent past as a strip: which state it was in from when to when, drawn and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from resilience.admin_display import NOTHING, seconds_in_words, tone
from resilience.models import Circuit, CircuitEvent
from resilience.models.circuits import CircuitState

WIDTH = 400  # of the drawing, in its own units
LEAST_WIDTH = 2.0  # ten seconds of a day are seen too
MOST_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Span:
    """A time in one state; `left` and `width` in units of WIDTH."""

    state: CircuitState
    began: datetime
    ended: datetime
    left: float
    width: float

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()


def spans(circuit: Circuit, events: Sequence[CircuitEvent], *, now: datetime, length: timedelta) -> list[Span]:
    """Return the states of the last `length`, oldest first. `events`: the circuit's of that time, oldest first."""
    start = now - length
    events = [event for event in events if start <= event.at <= now]
    moments = [start, *(event.at for event in events), now]
    states = [events[0].from_state if events else circuit.state, *(event.to_state for event in events)]
    return [_span(CircuitState(state), began, ended, start, length) for state, began, ended in zip(states, moments, moments[1:], strict=False)]


def in_words(found: Sequence[Span]) -> str:
    """`open 40 s in 2 times, half open 2 s; closed the rest`: longest first."""
    said = []
    for state in CircuitState:
        mine = [span for span in found if span.state is state]
        if mine and state is not CircuitState.CLOSED:
            times = f" in {len(mine)} times" if len(mine) > 1 else ""
            said.append((sum(span.seconds for span in mine), f"{state.label.lower()} {seconds_in_words(sum(span.seconds for span in mine))}{times}"))
    if not said:
        return "closed all the time"
    rest = "; closed the rest" if any(span.state is CircuitState.CLOSED for span in found) else ""
    return ", ".join(words for _seconds, words in sorted(said, reverse=True)) + rest


def rule(limits: dict[str, Any]) -> str:
    """Say when a circuit opens and what closes it, by the limits its row keeps."""
    if not limits:
        return NOTHING
    slow = limits.get("slow_seconds")
    judged = f"of {limits['min_calls']} calls or more within {seconds_in_words(limits['window_seconds'])}, {limits['failure_share']:.0%} failed"
    judged += f", or {limits['slow_share']:.0%} took {seconds_in_words(slow)} or longer" if slow is not None else ""
    trials = f"{limits['good_trials']} trial calls" if limits["good_trials"] != 1 else "one trial call"
    return f"{judged}. It rests {seconds_in_words(limits['open_seconds'])} at first, and closes after {trials} went well.".replace("of", "Of", 1)


def drawing(found: Sequence[Span], *, title: str) -> SafeString:
    """Return the strip as SVG; what it shows is its label too."""
    bars = format_html_join(
        "",
        '<rect class="state-{}" x="{}" y="0" width="{}" height="16"><title>{} {}, from {}</title></rect>',
        (
            (tone(span.state, model=Circuit), span.left, span.width, span.state.label, seconds_in_words(span.seconds), f"{span.began:%d %b %H:%M:%S}")
            for span in sorted(found, key=lambda span: span.state is not CircuitState.CLOSED)
        ),
    )
    return format_html(
        '<svg class="strip" viewBox="0 0 {} 16" preserveAspectRatio="none" role="img" aria-label="{}: {}">{}</svg>', WIDTH, title, in_words(found), bars
    )


def _span(state: CircuitState, began: datetime, ended: datetime, start: datetime, length: timedelta) -> Span:
    left = round((began - start) / length * WIDTH, 1)
    width = max(LEAST_WIDTH, round((ended - began) / length * WIDTH, 1))
    return Span(state, began, ended, min(left, WIDTH - LEAST_WIDTH), width)
