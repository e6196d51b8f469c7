"""No dependency is called inside a database transaction: its locks would be held for as long as the call takes."""

from __future__ import annotations

import threading

from django.db import DEFAULT_DB_ALIAS, connections

_here = threading.local()


def is_in_transaction() -> bool:
    try:
        return bool(_here.connection.in_atomic_block)
    except AttributeError:  # looking a connection up costs as much as all the rest of a healthy call; a thread has one for life
        _here.connection = connections[DEFAULT_DB_ALIAS]
        return bool(_here.connection.in_atomic_block)


def refuse_transaction() -> None:
    """Raises RuntimeError, but in the transaction a test runs in."""
    if not getattr(_here.connection.atomic_blocks[-1], "_from_testcase", False):
        raise RuntimeError("A circuit was asked inside a database transaction. Call dependencies outside of it.")
