"""The database as `DATABASES["default"]["ENGINE"]` names it: Django's PostgreSQL, with limits that also hold when nothing answers."""

from __future__ import annotations

from django.db import OperationalError


class PoolFull(OperationalError):
    """Every connection of this process is in use, and none came back in time."""


class CommitUnknown(OperationalError):
    """The line broke after COMMIT was sent: the transaction may have happened or not. Ask for its rows; never run it again blindly.

    Attributes:
        backend: process id of the server process that had the transaction; 0 when it is not known.
    """

    def __init__(self, *args: object, backend: int = 0) -> None:
        super().__init__(*args)
        self.backend = backend


def pool_pressure() -> float:
    """Return how long, in seconds, a request of this process waits for a connection now, or did a moment ago; 0 without a pool. Costs no query."""
    from .waits import WAITS

    return WAITS.longest()
