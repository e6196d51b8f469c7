"""What the model says of a request, checked by the model's own data: types, required members, ranges, lengths, patterns, enums, unknown members.

Messages carry the place of a fault as the service writes it: job settings from their root (`/outputGroups/0/outputs/1/videoDescription/width: Should
be less than or equal to 8192`), everything else from the request's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.model import Shape

from .errors import BadRequest
from .wire import members_on_wire, wire_name

MOST_MESSAGES = 20


def checked(shape: Shape, values: dict[str, Any]) -> dict[str, Any]:
    """Return a request's input with the model's names.

    Args:
        values: by the names on the wire.

    Raises:
        BadRequest: it is not what the model says; with each fault.
    """
    walk = _Walk()
    value: dict[str, Any] = walk.value(shape, values, "")
    if walk.faults:
        raise BadRequest(*walk.faults[:MOST_MESSAGES])
    return value


class _Walk:
    def __init__(self) -> None:
        self.faults: list[str] = []

    def say(self, path: str, words: str) -> None:
        self.faults.append(f"{path.removeprefix('/settings') or '/'}: {words}")

    def value(self, shape: Shape, value: Any, path: str) -> Any:
        return _KINDS[shape.type_name](self, shape, value, path)

    def structure(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self.say(path, "Should be an object")
        known, out = members_on_wire(shape), {}
        for name, item in value.items():
            if name not in known:
                self.say(path, f"Should not have additional properties: {name}")
            elif item is not None:  # a null is an absent member in rest-json
                ours, member = known[name]
                out[ours] = self.value(member, item, f"{path}/{name}")
        for ours in shape.metadata.get("required", ()):
            if ours not in out:
                self.say(path, f"{wire_name(ours, shape.members[ours])} is a required property")
        return out

    def list(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, list):
            return self.say(path, "Should be an array")
        self._length(shape, len(value), path, "items")
        return [self.value(shape.member, item, f"{path}/{index}") for index, item in enumerate(value)]

    def map(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self.say(path, "Should be an object")
        return {key: self.value(shape.value, item, f"{path}/{key}") for key, item in value.items()}

    def string(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self.say(path, "Should be a string")
        self._length(shape, len(value), path, "characters")
        pattern, enum = shape.metadata.get("pattern"), shape.metadata.get("enum")
        if pattern and not _compiled(pattern).search(value):
            self.say(path, f'Should match pattern "{pattern}"')
        if enum and value not in enum:
            self.say(path, f"Should be equal to one of the allowed values in {json.dumps(enum, separators=(',', ':'))}")
        return value

    def _length(self, shape: Shape, length: int, path: str, what: str) -> None:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and length < least:
            self.say(path, f"Should have at least {least} {what}")
        if most is not None and length > most:
            self.say(path, f"Should have at most {most} {what}")

    def integer(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            return self.say(path, "Should be an integer")
        return self._range(shape, value, path)

    def number(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return self.say(path, "Should be a number")
        return self._range(shape, value, path)

    def _range(self, shape: Shape, value: float, path: str) -> float:
        least, most = _range_of(shape)
        if least is not None and value < least:
            self.say(path, f"Should be greater than or equal to {least}")
        if most is not None and value > most:
            self.say(path, f"Should be less than or equal to {most}")
        return value

    def boolean(self, shape: Shape, value: Any, path: str) -> Any:
        return value if isinstance(value, bool) else self.say(path, "Should be a boolean")


@cache
def _range_of(shape: Shape) -> tuple[float | None, float | None]:
    """Return the least and the most; of doubles the model says them in the shape's name only (`__doubleMinNegative60Max3`)."""
    if shape.type_name != "double":
        return shape.metadata.get("min"), shape.metadata.get("max")
    found = [re.search(rf"{word}(Negative)?(\d+)", shape.name) for word in ("Min", "Max")]
    least, most = (match and float(match[2]) * (-1 if match[1] else 1) for match in found)
    return least, most


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_KINDS: dict[str, Callable[[_Walk, Shape, Any, str], Any]] = {
    "structure": _Walk.structure,
    "list": _Walk.list,
    "map": _Walk.map,
    "string": _Walk.string,
    "integer": _Walk.integer,
    "long": _Walk.integer,
    "double": _Walk.number,
    "timestamp": _Walk.number,
    "boolean": _Walk.boolean,
}
