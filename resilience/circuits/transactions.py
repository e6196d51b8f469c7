"""No dependency is called inside a database transaction: its locks would be held for as long as the call takes."""

from __future__ import annotations

import threading

from django.db import DEFAULT_DB_ALIAS, connections


class _Here(threading.local):
    """This thread's connection. Looking it up costs as much as all the rest of a healthy call, and a thread has one for life."""

    def __init__(self) -> None:
        self.connection = connections[DEFAULT_DB_ALIAS]


here = _Here()


def refuse_transaction() -> None:
    """Raises RuntimeError, but in the transaction a test runs in."""
    if not getattr(here.connection.atomic_blocks[-1], "_from_testcase", False):
        raise RuntimeError("A circuit was asked inside a database transaction. Call dependencies outside of it.")
