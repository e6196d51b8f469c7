"""A real gunicorn with the real entry on a free port, over a database and a VAR_DIR of its own."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import requests

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = "server_template"
TUS = {"Tus-Resumable": "1.0.0"}
OFFSET_TYPE = "application/offset+octet-stream"
_PREPARE = """
import django; django.setup()
from django.core.management import call_command
from django.contrib.auth.models import User
from knox.models import AuthToken
call_command("migrate", verbosity=0)
user = User.objects.create_user("server@example.org", "server@example.org", "correct horse battery")
print(AuthToken.objects.create(user)[1])
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


class Server:
    """`with Server() as server`: `url`, `token` (an API token), `uploads` (the folder of stored bytes).

    Args:
        database_url: a PostgreSQL server; a database of our own is made in it and dropped at the end.
        environment: further settings.
    """

    def __init__(self, database_url: str, **environment: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="holdfast-uploads-")
        self.var_dir = Path(self.folder.name) / "var"
        self.uploads = self.var_dir / "uploads"
        self.log_path = Path(self.folder.name) / "server.log"
        self.admin_url = database_url
        self.database = f"server_{uuid.uuid4().hex[:12]}"
        self.database_url = urlunsplit(urlsplit(database_url)._replace(path=f"/{self.database}"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"VAR_DIR": str(self.var_dir), "DATABASE_URL": self.database_url, "DJANGO_SETTINGS_MODULE": "config.settings", "PORT": str(self.port)}
        self.environment = os.environ | {"UPLOAD_ACCEPT": "*", "LOG_LEVEL": "INFO", "PYTHONWARNINGS": "default"} | own | environment
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            self.token = self._template(connection)
            connection.execute(f'CREATE DATABASE "{self.database}" TEMPLATE "{TEMPLATE}"')
        self.start()
        return self

    def _template(self, connection: psycopg.Connection[Any]) -> str:
        """Make the database whose copies servers get, once per PostgreSQL. Return the API token in it, which is kept as its comment."""
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [TEMPLATE])  # until this connection ends
        told = connection.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
        if told is not None and told[0]:
            return str(told[0])
        connection.execute(f'DROP DATABASE IF EXISTS "{TEMPLATE}"')
        connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
        environment = self.environment | {"DATABASE_URL": urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{TEMPLATE}"))}
        made = subprocess.run([sys.executable, "-c", _PREPARE], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert made.returncode == 0, made.stderr
        token = made.stdout.split()[-1]
        connection.execute(f"COMMENT ON DATABASE \"{TEMPLATE}\" IS '{token}'")
        return token

    def __exit__(self, *exc: object) -> None:
        self.stop(signal.SIGKILL)
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{self.database}" WITH (FORCE)')
        self.folder.cleanup()

    def start(self, *, workers: int = 2) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.asgi:application", "--workers", str(workers)]
        command += ["--bind", f"127.0.0.1:{self.port}", "--graceful-timeout", "10"]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self.environment | {"HOLDFAST_ROLE": "web"}, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                requests.options(f"{self.url}/files/", timeout=2)
            except requests.RequestException:
                assert self._process.poll() is None, self.log_path.read_text()
            else:
                if len(self.workers()) == workers:  # the first one answers before the last one is begun
                    return
            time.sleep(0.05)
        raise AssertionError(f"The server does not answer:\n{self.log_path.read_text()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None:
            return
        workers = self.workers()
        self._process.send_signal(how)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for worker in workers:
            if worker.is_running() and how is signal.SIGKILL:
                worker.kill()
        self._process = None

    def workers(self) -> list[psutil.Process]:
        if self._process is None or self._process.poll() is not None:
            return []
        try:
            return psutil.Process(self._process.pid).children()
        except psutil.NoSuchProcess:
            return []

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def arrived(self, size: int) -> None:
        """Wait until the file of the newest upload has so many bytes."""
        [(key,)] = self.sql("SELECT storage_key FROM uploads_uploadsession ORDER BY id DESC LIMIT 1")
        deadline = time.monotonic() + 60
        while (self.uploads / key).stat().st_size < size:
            assert time.monotonic() < deadline, f"{size} bytes did not arrive"
            time.sleep(0.02)

    def create(self, length: int, *, name: str = "file.bin", body: bytes = b"", **headers: str) -> requests.Response:
        given = {"Upload-Length": str(length), "Upload-Metadata": metadata(filename=name), "Authorization": f"Token {self.token}"}
        if body:
            given["Content-Type"] = OFFSET_TYPE
        return requests.post(f"{self.url}/files/", headers=TUS | given | headers, data=body, timeout=30)

    def address(self, created: requests.Response) -> str:
        assert created.status_code == 201, created.text
        return self.url + created.headers["Location"]

    def patch(self, address: str, offset: int, body: Any, **headers: str) -> requests.Response:
        given = {"Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE}
        return requests.patch(address, headers=TUS | given | headers, data=body, timeout=120)

    def head(self, address: str) -> requests.Response:
        return requests.head(address, headers=TUS, timeout=30)

    def offset(self, address: str) -> int:
        answer = self.head(address)
        assert answer.status_code == 200, (answer.status_code, answer.headers)
        return int(answer.headers["Upload-Offset"])
