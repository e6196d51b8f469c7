"""A real nginx for tests: the configuration of deploy/, in a folder and on a port of its own, without TLS."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import requests

from tests.stack.system import ROOT, free_port, wait_for

CONFIGURATION = ROOT / "deploy" / "nginx" / "holdfast.conf"
BINARY = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
_FRAME = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/holdfast.conf;
}}
"""


def rendered(*, port: int, target: int, changes: dict[str, str] | None = None) -> str:
    """Return the configuration people install, for another port and without TLS.

    Args:
        changes: lines to replace; each must be there.
    """
    text = re.sub(r"^\s*ssl_\w+ .*;\n", "", CONFIGURATION.read_text(), flags=re.MULTILINE)
    for before, after in {"listen 443 ssl;": f"listen 127.0.0.1:{port};", "server 127.0.0.1:8000;": f"server 127.0.0.1:{target};", **(changes or {})}.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


class Nginx:
    """`with Nginx(target) as nginx`: `url` leads to the port `target` on 127.0.0.1."""

    def __init__(self, target: int, **changes: str) -> None:
        self.target, self.changes = target, changes
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Nginx:
        assert BINARY is not None
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-nginx-"))
        (self.folder / "holdfast.conf").write_text(rendered(port=self.port, target=self.target, changes=self.changes))
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(_FRAME.format(folder=self.folder, user=user))
        with (self.folder / "error.log").open("wb") as log:
            self._process = subprocess.Popen([BINARY, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")], stderr=log)
        wait_for(self._answers, seconds=60, what="nginx answers")
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "error.log").read_text()
        try:
            requests.options(f"{self.url}/files/", timeout=2)
        except requests.RequestException:
            return False
        return True
