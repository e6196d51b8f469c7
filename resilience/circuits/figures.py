"""How many calls went how, for /metrics. Calls add to plain numbers; these are brought here once per second, so that counting costs a call nothing."""

from __future__ import annotations

from typing import Any

from resilience.metrics import counter

CALLS = counter("holdfast_circuit_calls_total", "Calls through a circuit, by how they went; refused ones were not made.", ["circuit", "outcome"])
TRANSITIONS = counter("holdfast_circuit_transitions_total", "Transitions of circuits, each counted by the process that made it.", ["circuit", "to"])

OUTCOMES = ("quick", "slow", "failures", "ignored", "refused")  # attributes of Memory, and the words for them
_WORDS = {"quick": "ok", "failures": "failed"}


class Figures:
    """What was told of one circuit so far."""

    def __init__(self, name: str) -> None:
        self._children = [CALLS.labels(name, _WORDS.get(outcome, outcome)) for outcome in OUTCOMES]
        self._told = [0] * len(OUTCOMES)

    def tell(self, memory: Any) -> None:
        """Bring what was counted since the last time. Under the memory's lock."""
        for place, outcome in enumerate(OUTCOMES):
            total = getattr(memory, outcome)
            if total > self._told[place]:
                self._children[place].inc(total - self._told[place])
                self._told[place] = total

    def forget(self, memory: Any) -> None:
        """In a child: what was counted before is its parent's to tell."""
        self._told = [getattr(memory, outcome) for outcome in OUTCOMES]
