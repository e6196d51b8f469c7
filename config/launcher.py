"""`make up`: the whole system on one machine, in the foreground, until Ctrl-C.

1. Take the lock of VAR_DIR (a second start tells where the first one runs).
2. Start the private PostgreSQL, unless DATABASE_URL names another.
3. Prepare: migrate, collect static files, make the first login.
4. Start web and worker, each in a session of its own, and wait until /readyz answers 200.
5. Watch: what dies is started again with a growing pause. PostgreSQL too, when it is ours.
6. On SIGINT or SIGTERM: stop web, then worker, then PostgreSQL. Nothing is left running.

With PROFILE=aws (`make up-aws`), before 2 the last start's installation is forgotten, and before 3 an Amazon of this machine is started
(config/laptop_aws.py); it is stopped after the worker.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import IO

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.embedded import EmbeddedPostgres
from config.laptop_aws import ANSWER_SECONDS, LaptopAws, SomebodyElses
from config.service import LONGEST_PAUSE, Service, say

START_SECONDS = 60


class Launcher:
    def __init__(self) -> None:
        self.port = env.integer("PORT", 8000, minimum=1, maximum=65535)
        self.var_dir = env.path("VAR_DIR", Path.cwd() / "var")
        self.url = f"http://127.0.0.1:{self.port}"
        self.postgres: EmbeddedPostgres | None = None
        self.aws = LaptopAws(self.var_dir, env.text("BASE_URL", self.url)) if os.environ.get("PROFILE") == "aws" else None
        self.services: list[Service] = []  # in the order of stopping
        self.stopping = False

    def run(self) -> int:
        started = time.monotonic()
        for folder in ("run", "log"):
            (self.var_dir / folder).mkdir(parents=True, exist_ok=True)
        lock = (self.var_dir / "run" / "launcher.lock").open("a+")
        if not self._take(lock):
            return 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            self._require_free_port()
            self._begin_anew()
            self._start_postgres()
            self._start_amazon()
            self._prepare()
            self._start_services()
            if self._wait_until_ready():
                self._greet(time.monotonic() - started)
            self._watch()
        except (Failure, SomebodyElses, ImproperlyConfigured) as failure:
            print(failure, file=sys.stderr)
            return 2
        finally:
            self._stop()
            lock.close()
        return 0

    def _take(self, lock: IO[str]) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            print(f"Holdfast is already running over {self.var_dir}, at {lock.read() or 'an address it has not told yet'}.")
            return False
        lock.truncate(0)
        lock.write(self.url)
        lock.flush()
        return True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _require_free_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                raise Failure(
                    f"Port {self.port} is taken by another program. Choose a free one: make up{'-aws' if self.aws else ''} PORT={self.port + 1}"
                ) from None

    def _begin_anew(self) -> None:
        if self.aws is None:
            return
        if os.environ.get("DATABASE_URL"):
            say("The database is yours (DATABASE_URL). What it knows of videos from an earlier start is gone: S3 is in memory.")
        elif self.aws.begin_anew():
            say("Videos and accounts of the last start are gone: S3 is in memory. This one begins anew.")

    def _start_amazon(self) -> None:
        """Start what the product stands on in this profile, and wait until it answers."""
        if self.aws is None or self.stopping:
            return
        say("An Amazon of this machine: S3, SQS, EventBridge, and MediaConvert")
        self.aws.take_effect()
        below = self.aws.below()
        for service in below:
            service.start()
        self.services = below[::-1]
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self.stopping and not self.aws.answers():
            if time.monotonic() > deadline:
                raise Failure(f"It does not answer after {ANSWER_SECONDS} s. Look at {self.var_dir / 'log' / 'amazon.log'} and mediaconvert.log beside it.")
            for service in below:
                service.watch()
            time.sleep(0.1)

    def _start_postgres(self) -> None:
        if os.environ.get("DATABASE_URL"):
            say("PostgreSQL: the one of DATABASE_URL")
            return
        self.postgres = EmbeddedPostgres(self.var_dir / "postgres")
        say("PostgreSQL: starting our own")
        self.postgres.start()
        os.environ["DATABASE_URL"] = self.postgres.url

    def _prepare(self) -> None:
        say("Tables, static files, first login")
        if self.stopping:
            return
        process = subprocess.Popen([sys.executable, "-m", "config.prepare"], start_new_session=True)
        while process.poll() is None:
            if self.stopping:
                process.terminate()
            time.sleep(0.1)
        if process.returncode and not self.stopping:
            raise Failure("Preparing the database failed; the reason is above. Nothing was started.")

    def _start_services(self) -> None:
        log, run = self.var_dir / "log", self.var_dir / "run"
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.asgi:application"]
        worker = [sys.executable, "manage.py", "run_worker"]
        ours = [
            Service("web", gunicorn, {"HOLDFAST_ROLE": "web"}, log / "web.log", run / "web.pid"),
            Service("worker", worker, {"HOLDFAST_ROLE": "worker"}, log / "worker.log", run / "worker-service.pid"),
        ]
        ours += self.aws.beside() if self.aws else []
        self.services = ours + self.services
        if self.stopping:
            return
        for service in ours:
            service.start()
        say("Web and worker started")

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while not self.stopping and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:  # noqa: S310 - our own address
                    if answer.status == 200:
                        return True
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        if not self.stopping:
            say(f"Not ready after {START_SECONDS} s. Look at {self.var_dir / 'log' / 'web.log'}")
        return False

    def _greet(self, seconds: float) -> None:
        print(f"\nHoldfast is running (started in {seconds:.0f} s):  {self.url}/")
        kept = self.var_dir / "login.json"
        if kept.exists():
            login = json.loads(kept.read_text())
            print(f"  Sign in:     {login['email']}  with the password  {login['password']}  (first password of this installation)")
        print(f"  Operations:  {self.url}/admin/     API: {self.url}/api/v1/docs/")
        print(f"  Logs:        {self.var_dir / 'log'}")
        for line in self.aws.greeting() if self.aws else []:
            print(line)
        print("  Stop:        Ctrl-C\n", flush=True)

    def _watch(self) -> None:
        while not self.stopping:
            time.sleep(0.25)
            if self.postgres is not None and not self.postgres.is_running():
                say("PostgreSQL ended; starting it again")
                try:
                    self.postgres.start()
                except (subprocess.SubprocessError, OSError) as error:
                    say(f"It did not start: {error}. Trying again in {LONGEST_PAUSE:.0f} s")
                    time.sleep(LONGEST_PAUSE)
            for service in self.services:
                service.watch()

    def _stop(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self.services:
            print("\nStopping", flush=True)
        for service in self.services:
            service.stop()
        if self.postgres is not None:
            self.postgres.stop()


class Failure(Exception):
    """The start cannot go on; the text says why and what to do."""


if __name__ == "__main__":
    sys.exit(Launcher().run())
