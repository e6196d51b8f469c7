"""Blocking work off the event loop: files in one pool, the database in another, so that neither starves the other."""

from __future__ import annotations

import asyncio
import contextvars
import select
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import connection, connections

from resilience.http.request_ids import current_request_id

from .together import Call, Gatherer, Many, answers, many_of

P = ParamSpec("P")
T = TypeVar("T")

FILE_THREADS = 8
REMOTE_THREADS = 32  # S3 answers after tens of milliseconds, and holds no core meanwhile
DATABASE_THREADS = 8  # below DATABASE_POOL: pages need connections too
_pools: dict[str, ThreadPoolExecutor] = {}
_gatherers: dict[Many, Gatherer] = {}
_here = threading.local()


def _pool(name: str, threads: int) -> ThreadPoolExecutor:
    # Made at first use: a pool made before gunicorn forks would have no threads in the child.
    if name not in _pools:
        _pools[name] = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=f"uploads-{name}", initializer=_mark)
    return _pools[name]


def _file_threads() -> int:
    return REMOTE_THREADS if settings.UPLOAD_STORE == "s3" else FILE_THREADS


def _mark() -> None:
    _here.pooled = True


def give_connection_back() -> None:
    """In a thread of these pools, return the database connection to its pool before a long wait; elsewhere it is the caller's."""
    if getattr(_here, "pooled", False):
        connections.close_all()


async def files(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that waits for the disk or for S3. One that asked the database for rows gives its connection back."""

    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            give_connection_back()

    return await asyncio.get_running_loop().run_in_executor(_pool("files", _file_threads()), contextvars.copy_context().run, call)


async def database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that asks the database: together with others of its kind where it says so (uploads/together.py)."""
    many = many_of(function)
    if many is not None:
        return await _gatherer(many).ask(Call(args, kwargs, current_request_id()))  # type: ignore[no-any-return]

    def call() -> T:
        return with_connection(lambda: function(*args, **kwargs))

    return await asyncio.get_running_loop().run_in_executor(_pool("database", DATABASE_THREADS), contextvars.copy_context().run, call)


def _gatherer(many: Many) -> Gatherer:
    gatherer = _gatherers.get(many)
    if gatherer is None or gatherer.loop is not asyncio.get_running_loop():

        def run(calls: Sequence[Call]) -> list[Any]:
            return with_connection(lambda: answers(many, calls))

        gatherer = _gatherers[many] = Gatherer(run, _pool("database", DATABASE_THREADS))
    return gatherer


def with_connection(work: Callable[[], T]) -> T:
    """Do work on this thread's connection, which is kept for the next work where connections are borrowed from a pool (the web server).

    Borrowing costs two round trips and a look by the pool's own threads: more than most work does. One whose server is gone, or said
    anything unasked, is exchanged before it is used; one on which anything failed, afterwards.
    """
    if _said_something():
        connections.close_all()
    try:
        return work()
    finally:
        if connection.errors_occurred or connection.in_atomic_block or "pool" not in connection.settings_dict["OPTIONS"]:
            connections.close_all()


def _said_something() -> bool:
    """An idle connection has nothing to read: a server that ends says so, and closes. Asked of the kernel alone."""
    raw = connection.connection
    if raw is None:
        return False
    if raw.closed:
        return True
    look = select.poll()
    look.register(raw.fileno(), select.POLLIN)
    return bool(look.poll(0))
