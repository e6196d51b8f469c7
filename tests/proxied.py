"""This thread's database over a line that can misbehave (tests/proxy.py)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from resilience.database.base import DatabaseWrapper
from tests.proxy import Proxy, Upstream


def server_of(settings: dict[str, Any]) -> Upstream:
    """Where a database's server listens: a port, or the file of a socket."""
    host, port = str(settings["HOST"]), int(settings["PORT"] or 5432)
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host or "127.0.0.1", port)


@contextmanager
def proxied_database(**options: Any) -> Iterator[Proxy]:
    """Let this thread's `connection` go through a proxy. `options` are psycopg's and ours (answer_within, pool)."""
    usual = connections["default"]
    settings = copy.deepcopy({key: value for key, value in usual.settings_dict.items() if key != "OPTIONS"})
    with Proxy(server_of(settings)) as proxy:
        settings |= {"HOST": "127.0.0.1", "PORT": str(proxy.port), "OPTIONS": usual.settings_dict["OPTIONS"] | options}
        if "pool" in options:
            settings["CONN_MAX_AGE"] = 0
        other = connections["default"] = DatabaseWrapper(settings, alias="default")
        try:
            yield proxy
        finally:
            proxy.mend()
            other.close()
            if "pool" in options:
                other.close_pool()
            connections["default"] = usual
