"""Loaded first (`-p tests.embedded_postgres`): a private PostgreSQL and a private VAR_DIR for this test run, gone afterwards.

DATABASE_URL, when set, is used instead of the private server.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import psycopg
import pytest

from config.embedded import EmbeddedPostgres

_MARK = "HOLDFAST_TEST_DIR"  # set for xdist's workers, which share the first process's server
_server: EmbeddedPostgres | None = None
_made: Path | None = None

if _MARK not in os.environ:
    _made = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    _made.chmod(0o755)  # the server may run as another system user
    os.environ[_MARK] = str(_made)
    os.environ["VAR_DIR"] = str(_made / "var")
    os.environ["PROFILE"] = "embedded"
    os.environ["LOG_LEVEL"] = "WARNING"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended like this, too, a run takes away what it made
    if not os.environ.get("DATABASE_URL"):
        _server = EmbeddedPostgres(_made / "postgres")
        _server.start()
        os.environ["DATABASE_URL"] = _server.url


def remove() -> None:
    """Stop the server and remove everything this run made."""
    if _server is not None:
        _server.delete()
    if _made is not None:
        shutil.rmtree(_made, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Tests in this process need no database that outlives a power cut. (Those that do start a server of their own; so does the bench.)"""
    if _server is not None:
        with psycopg.connect(_server.url, autocommit=True) as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {name} = off".encode())
            connection.execute("SELECT pg_reload_conf()")


def pytest_unconfigure(config: pytest.Config) -> None:
    remove()
