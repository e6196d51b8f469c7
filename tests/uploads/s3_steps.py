"""A process that dies at the N-th step of all it does with S3 and the database: before the step, or after it with the answer lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from uploads.append import checkpoints, lock, writer
from uploads.store.s3 import appender, client, rows, whole


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class Life:
    """Counts steps. From the fatal one on every step fails: the dead do nothing."""

    def __init__(self, fatal: int) -> None:
        self.fatal, self.step, self.at = fatal, 0, ""

    def tick(self, what: str) -> None:
        self.step += 1
        if self.step >= self.fatal:
            self.at = self.at or what
            raise Killed

    @property
    def over(self) -> bool:
        return bool(self.at)


@contextmanager
def life(monkeypatch: pytest.MonkeyPatch, fatal: int) -> Iterator[Life]:
    """Within the block this process is one that dies at step `fatal`."""
    lived = Life(fatal)
    with monkeypatch.context() as patched:
        for module, name in (
            (client, "call"),
            (client, "read"),
            (rows, "layout_of"),
            (rows, "reserve"),
            (rows, "adopt_multipart"),
            (rows, "mark_whole"),
            (rows, "parts_of"),
            (checkpoints, "commit_offset"),
            (writer, "take_lease"),
            (lock, "release_lease"),
        ):
            patched.setattr(module, name, _mortal(lived, name, getattr(module, name)))
        yield lived


def _mortal(lived: Life, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        what = f"{name} {args[0] if name == 'call' else ''}".strip()
        lived.tick(f"before {what}")
        answer = real(*args, **kwargs)
        lived.tick(f"after {what}")
        return answer

    return call


__all__ = ["Killed", "Life", "appender", "life", "whole"]
