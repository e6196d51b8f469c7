"""Whether an event fits a pattern of EventBridge, for the kinds of pattern a rule of ours may have. Pure.

Source: "Amazon EventBridge event patterns" in AWS's documentation.
"""

from __future__ import annotations

from typing import Any


class Unknown(Exception):
    """A kind of comparison we do not know; the text is its name."""


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Return whether every field the pattern names has one of the values it lists.

    Raises:
        Unknown: it compares in a way we do not know.
    """
    return all(_field(wanted, event.get(name), present=name in event) for name, wanted in pattern.items())


def _field(wanted: Any, value: Any, *, present: bool) -> bool:
    if isinstance(wanted, dict):
        return isinstance(value, dict) and matches(wanted, value)
    return any(_one(choice, value, present=present) for choice in wanted)


def _one(choice: Any, value: Any, *, present: bool) -> bool:
    if not isinstance(choice, dict):
        return present and bool(choice == value)
    ((kind, operand),) = choice.items()
    if kind == "exists":
        return present is bool(operand)
    if kind == "prefix" and isinstance(operand, str):
        return isinstance(value, str) and value.startswith(operand)
    if kind == "anything-but" and not isinstance(operand, dict):
        return present and value not in (operand if isinstance(operand, list) else [operand])
    raise Unknown(kind)
