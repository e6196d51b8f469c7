"""The fault book: rules that say what goes wrong, for whom and how often. API, workers and events all ask it; the same seed gives the same faults."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What can go wrong. The first group happens to a request, the second to a job, the third to an event."""

    THROTTLE = "throttle"  # 429
    ERROR = "error"  # `http_status` (default 500)
    QUOTA = "quota"  # 402
    FORBIDDEN = "forbidden"  # 403
    LATENCY = "latency"  # `seconds`
    RESET_BEFORE = "reset_before"  # the connection is reset, nothing was done
    RESET_AFTER = "reset_after"  # it was done, and the connection is reset
    LAG = "lag"  # answers as `seconds` ago (GetJob, ListJobs, SearchJobs)
    REGION_DOWN = "region_down"  # `http_status`; without it each connection is reset

    JOB_ERROR = "job_error"  # `code`, `message`, in `phase`
    STUCK = "stuck"  # in `phase`: SUBMITTED, PROBING, TRANSCODING, UPLOADING
    SHORT_OUTPUT = "short_output"  # `share` of the duration, COMPLETE all the same
    MISSING_OUTPUT = "missing_output"  # of output number `output`, COMPLETE all the same

    EVENT_LOST = "event_lost"
    EVENT_DOUBLED = "event_doubled"
    EVENT_DELAYED = "event_delayed"  # `seconds` on the emulator's clock
    EVENT_REORDERED = "event_reordered"  # it comes after the next event of its job; the last one after `seconds` (default 1)
    EVENT_MALFORMED = "event_malformed"  # `how`: json (default), fields


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a fault may happen to: a request, a job in a phase, or an event with a status."""

    region: str = ""
    operation: str = ""
    inputs: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    phase: str = ""
    status: str = ""

    @property
    def key(self) -> str:
        metadata = (f"{name}={self.metadata[name]}" for name in sorted(self.metadata))
        return "/".join([self.region, self.operation, self.phase, self.status, *self.inputs, *metadata])


@dataclass(slots=True)
class Rule:
    """One line of the book.

    Args:
        fault: what happens.
        operation, region, phase, status (of an event): only there; empty means everywhere. (`job_error` without a phase means TRANSCODING.)
        input: a part of an input's URL. metadata: keys and values that the job's user metadata must have.
        after: how many matching subjects are spared first. count: how many are hit at most (None: all).
        probability: of each hit, from 0 to 1.
        params: what else the fault needs, by its name above.
    """

    fault: Fault
    operation: str = ""
    region: str = ""
    phase: str = ""
    status: str = ""
    input: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    after: int = 0
    count: int | None = None
    probability: float = 1.0
    params: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    seen: int = 0
    hits: int = 0

    def matches(self, subject: Subject) -> bool:
        return (
            all(not (want := getattr(self, name)) or want == getattr(subject, name) for name in _PLACES)
            and (not self.input or any(self.input in url for url in subject.inputs))
            and all(subject.metadata.get(name) == value for name, value in self.metadata.items())
        )


_PLACES = ("operation", "region", "phase", "status")
_PARAMS = {"seconds", "code", "message", "http_status", "share", "output", "how"}
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys((*_PLACES, "input"), (str,)),
    "metadata": (dict,),
    "after": (int,),
    "count": (int, type(None)),
    "probability": (int, float),
}
_NAMED = {item.name for item in fields(Rule)} - {"params", "number", "seen", "hits"}


def rule_of(document: Mapping[str, Any]) -> Rule:
    """Read one rule of the control endpoint.

    Raises:
        ValueError: it is not a rule; says why.
    """
    try:
        fault = Fault(document["fault"])
    except (KeyError, ValueError):
        raise ValueError(f"fault: must be one of {', '.join(Fault)}") from None
    if unknown := set(document) - _NAMED - _PARAMS:
        raise ValueError(f"{', '.join(sorted(unknown))}: there is no such thing in a rule")
    named = {name: value for name, value in document.items() if name in _NAMED and name != "fault"}
    params = {name: value for name, value in document.items() if name not in _NAMED}
    for name, value in named.items():
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            raise ValueError(f"{name}: {value!r} is not of the right kind")
    rule = Rule(fault=fault, params=params, **named)
    if fault is Fault.JOB_ERROR and not rule.phase:
        rule.phase = "TRANSCODING"
    if fault is Fault.JOB_ERROR and not isinstance(params.get("code"), int):
        raise ValueError("job_error: needs a code, a number")
    if fault is Fault.STUCK and not rule.phase:
        raise ValueError("stuck: needs a phase")
    if not 0 <= rule.probability <= 1:
        raise ValueError("probability: must be between 0 and 1")
    return rule


class FaultBook:
    """The rules in force, in the order they were added. Safe for threads."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._rules: list[Rule] = []
        self._draws: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._added = 0

    def add(self, rules: list[Rule]) -> None:
        with self._lock:
            for rule in rules:
                self._added += 1
                rule.number = self._added
                self._rules.append(rule)

    def clear(self, *, seed: int | None = None) -> None:
        """Forget the rules and begin the seed's sequence again, or another seed's."""
        with self._lock:
            self._seed = self._seed if seed is None else seed
            self._rules.clear()
            self._draws.clear()
            self._added = 0

    def take(self, fault: Fault, subject: Subject) -> Rule | None:
        """Return the first rule by which this fault happens to the subject now, and count the hit; None when it is spared."""
        with self._lock:
            for rule in self._rules:
                if rule.fault is fault and rule.matches(subject) and self._hits(rule, subject):
                    return rule
        return None

    def _hits(self, rule: Rule, subject: Subject) -> bool:
        rule.seen += 1
        if rule.seen <= rule.after or (rule.count is not None and rule.hits >= rule.count):
            return False
        if rule.probability < 1 and self._draw(rule, subject) >= rule.probability:
            return False
        rule.hits += 1
        return True

    def _draw(self, rule: Rule, subject: Subject) -> float:
        """Return a number that depends on the seed, the rule, the subject and how often it was drawn for: not on which thread came first."""
        key = f"{self._seed}/{rule.number}/{subject.key}"
        self._draws[key] += 1
        return random.Random(f"{key}/{self._draws[key]}").random()  # noqa: S311 (faults, not secrets)

    def listing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{name: getattr(rule, name) for name in sorted(_NAMED | {"params", "seen", "hits"})} for rule in self._rules]
