"""Tags of jobs and queues, by ARN."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from .errors import BadRequest

MOST = 50  # of one resource


class Tags:
    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self.changed: Callable[[str, dict[str, str]], None] = lambda arn, tags: None

    def of(self, arn: str) -> dict[str, str]:
        with self._lock:
            return dict(self._tags.get(arn, {}))

    def put(self, arn: str, tags: dict[str, str]) -> None:
        """Add tags, over those of the same names.

        Raises:
            BadRequest: too many, or one that AWS does not take.
        """
        check_tags(tags)
        with self._lock:
            merged = self._tags.get(arn, {}) | tags
            if len(merged) > MOST:
                raise BadRequest(f"/tags: a resource has at most {MOST} tags")
            self._set(arn, merged)

    def remove(self, arn: str, names: Iterable[str]) -> None:
        with self._lock:
            gone = set(names)
            self._set(arn, {name: value for name, value in self._tags.get(arn, {}).items() if name not in gone})

    def _set(self, arn: str, tags: dict[str, str]) -> None:
        self._tags[arn] = tags
        self.changed(arn, tags)

    def load(self, arn: str, tags: dict[str, str]) -> None:
        with self._lock:
            self._tags[arn] = tags

    def forget(self) -> None:
        with self._lock:
            self._tags.clear()


def check_tags(tags: dict[str, str]) -> None:
    """Raises: BadRequest: too many, or one that AWS does not take."""
    if len(tags) > MOST:
        raise BadRequest(f"/tags: a resource has at most {MOST} tags")
    for name, value in tags.items():
        if not 1 <= len(name) <= 128 or len(value) > 256 or name.lower().startswith("aws:"):
            raise BadRequest(f"/tags: {name[:128]!r} is not a tag: a name has 1 to 128 characters and does not begin with aws:, a value has at most 256")
