"""Which kinds of task exist, and with what limits. Declared beside their bodies, in each app's `tasks.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from resilience.naming import require_sole

from .backoff import JITTER

if TYPE_CHECKING:
    from resilience.models import Task


class TaskContext(Protocol):
    """What a running body may ask of its runner."""

    @property
    def task_id(self) -> str: ...

    @property
    def attempt(self) -> int:
        """1 on the first run."""
        ...

    def lease_lost(self) -> bool:
        """True once this run may no longer write: stop at once, kill what was started, commit nothing."""
        ...


Body = Callable[..., None]
OnDead = Callable[["Task"], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of task.

    `timeout` in seconds; `tries` counts runs that raised; `base` and `cap` in seconds: wait U(1 - jitter, 1) × min(cap, base × 2^(n-1)).
    Operators may set these otherwise: `policies.effective` says what counts.
    `needs` names the circuits without which its body can do nothing: while one of them is open, no task of this kind is begun.
    `on_dead(task)` is called inside the transaction that makes a task of this kind a dead letter, with `task.error_code` set: it only
    writes rows, so that the people concerned are told. It is not called for a dead letter that is discarded.
    """

    name: str
    body: Body
    queue: str = "default"
    priority: int = 50
    timeout: float = 300.0
    tries: int = 12
    base: float = 5.0
    cap: float = 900.0
    jitter: float = JITTER
    needs: tuple[str, ...] = ()
    on_dead: OnDead | None = None


_KINDS: dict[str, Kind] = {}


def durable(name: str, **limits: Any) -> Callable[[Body], Body]:
    """Declare a task body: `body(context, **payload)`. It may run again after a crash, so it must be safe to run twice.

    Raises:
        ValueError: two bodies share a name.
    """

    def declare(body: Body) -> Body:
        known = _KINDS.get(name)
        require_sole("task bodies", name, known=known.body if known else None, new=body)
        _KINDS[name] = Kind(name=name, body=body, **limits)
        return body

    return declare


def kind_of(name: str) -> Kind:
    """Return a declared kind.

    Raises:
        KeyError: nobody declared it (a task of a newer or older release).
    """
    return _KINDS[name]


def all_kinds() -> list[Kind]:
    """Return every kind this release declares, by name."""
    return [_KINDS[name] for name in sorted(_KINDS)]


def find_kind(name: str) -> Kind | None:
    """Return a declared kind, or None when this release does not know it."""
    return _KINDS.get(name)
