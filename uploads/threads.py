"""Blocking work off the event loop: files in one pool, the database in another, so that neither starves the other."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

FILE_THREADS = 8
REMOTE_THREADS = 32  # S3 answers after tens of milliseconds, and holds no core meanwhile
DATABASE_THREADS = 8  # below DATABASE_POOL: pages need connections too
_pools: dict[str, ThreadPoolExecutor] = {}
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
    """Run a function that asks the database; its connection goes back to the pool afterwards."""

    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_pool("database", DATABASE_THREADS), contextvars.copy_context().run, call)
