"""A whole Holdfast for a test: the launcher as people start it, over a PostgreSQL, a VAR_DIR and a port of its own."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import requests

from config.embedded import EmbeddedPostgres

ROOT = Path(__file__).parent.parent.parent
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(question: Callable[[], T], *, seconds: float, what: str, every: float = 0.1) -> T:
    """Ask until the answer is true; fail with `what` when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    answer = question()
    while not answer:
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {seconds} s: {what}. Last answer: {answer!r}")
        time.sleep(every)
        answer = question()
    return answer


class System:
    """Start with `with System() as system`. Everything it made is gone at the end."""

    def __init__(self, **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-stack-"))
        self.folder.chmod(0o755)
        self.var_dir = self.folder / "var"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.postgres = EmbeddedPostgres(self.folder / "postgres")
        self.environment = environment
        self._launcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> System:
        self.postgres.start()
        own = {
            "PORT": str(self.port),
            "BASE_URL": self.url,
            "VAR_DIR": str(self.var_dir),
            "DATABASE_URL": self.postgres.url,
            "RATE_LIMITS": "no",
            "LOG_LEVEL": "INFO",
        }
        self.process_environment = {key: value for key, value in os.environ.items() if key != "HOLDFAST_TEST_DIR"} | own | self.environment
        self.output = (self.folder / "launcher.log").open("ab")
        self._launcher = subprocess.Popen(
            [sys.executable, "-m", "config.launcher"], cwd=ROOT, env=self.process_environment, stdout=self.output, stderr=self.output, start_new_session=True
        )
        try:
            wait_for(self.is_ready, seconds=300, what="the system is ready")
            login = json.loads((self.var_dir / "login.json").read_text())
            self.email, self.password = login["email"], login["password"]
            self.token = self.command("api_token", self.email).split()[-1]
        except BaseException:
            print(self.logs())
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._launcher is not None and self._launcher.poll() is None:
            self._launcher.send_signal(signal.SIGINT)
            try:
                self._launcher.wait(120)
            except subprocess.TimeoutExpired:
                self._launcher.kill()
                raise
        self.output.close()
        self.postgres.delete()
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def command(self, *arguments: str) -> str:
        environment = self.process_environment | {"HOLDFAST_ROLE": "command"}
        done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def logs(self) -> str:
        parts = [self.folder / "launcher.log", self.var_dir / "log" / "web.log", self.var_dir / "log" / "worker.log"]
        return "\n".join(f"--- {part.name}\n{part.read_text()[-6000:]}" for part in parts if part.exists())

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            return connection.execute(sql, parameters).fetchall()  # type: ignore[arg-type]

    def uploads_of(self, email: str, columns: str) -> list[tuple[Any, ...]]:
        """Read `columns` of this person's uploads. By owner: tests that share a system also share their films, hence lengths."""
        return self.query(f"SELECT {columns} FROM uploads_uploadsession s JOIN auth_user u ON u.id = s.owner_id WHERE u.email = %s ORDER BY s.id", email)

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers={"Authorization": f"Token {self.token}"} | headers, timeout=60)

    def video(self, public_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/v1/videos/{public_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait_for_state(self, public_id: str, *states: str, seconds: float = 90) -> dict[str, Any]:
        return (
            wait_for(
                lambda: (found := self.video(public_id))["state"] in states and found, seconds=seconds, what=f"{public_id} is {' or '.join(states)}", every=0.3
            )
            or {}
        )

    def web_workers(self) -> list[psutil.Process]:
        return self._children_of("web.pid")

    def worker_processes(self) -> list[psutil.Process]:
        return self._children_of("worker-service.pid")

    def _children_of(self, pid_file: str) -> list[psutil.Process]:
        try:
            return psutil.Process(int((self.var_dir / "run" / pid_file).read_text())).children(recursive=True)
        except (psutil.NoSuchProcess, FileNotFoundError, ValueError):
            return []

    def kill_a_web_worker(self, chance: random.Random) -> None:
        if workers := self.web_workers():
            chosen = chance.choice(workers)
            chosen.kill()
