"""Blocking work off the event loop: files in one pool, the database in another, so that neither starves the other."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

FILE_THREADS = 8
DATABASE_THREADS = 8  # below DATABASE_POOL: pages need connections too
_pools: dict[str, ThreadPoolExecutor] = {}


def _pool(name: str, threads: int) -> ThreadPoolExecutor:
    # Made at first use: a pool made before gunicorn forks would have no threads in the child.
    if name not in _pools:
        _pools[name] = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=f"uploads-{name}")
    return _pools[name]


async def files(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that waits for the disk."""
    call = partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool("files", FILE_THREADS), call)


async def database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that asks the database; its connection goes back to the pool afterwards."""

    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_pool("database", DATABASE_THREADS), contextvars.copy_context().run, call)
