"""The real `run_worker` for a test, over the test's own database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import psutil
from django.conf import settings
from django.db import connection

T = TypeVar("T")


def wait_for(question: Callable[[], T], *, seconds: float, what: str) -> T:
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {seconds} s: {what}. Last answer: {answer!r}")
        time.sleep(0.1)
    return answer


def database_url() -> str:
    values = connection.settings_dict
    login = f"{quote(values['USER'])}:{quote(values['PASSWORD'])}@" if values["USER"] else ""
    port = f"&port={values['PORT']}" if values["PORT"] else ""
    return f"postgresql://{login}/{values['NAME']}?host={quote(values['HOST'], safe='/')}{port}"


class Worker:
    """Start with `with Worker(folder) as worker`; whatever it started is gone at the end. `environment` are more settings of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = folder / "worker.log"
        self._environment = environment

    def __enter__(self) -> Worker:
        environment = os.environ | {"DATABASE_URL": database_url(), "VAR_DIR": str(self.folder / "var"), "HOLDFAST_ROLE": "worker", "LOG_LEVEL": "INFO"}
        environment |= {"WORKERS": "2", "MEDIA_WORKERS": "1", "SECRET_KEY": settings.SECRET_KEY}  # wake-ups are signed with it
        environment["DJANGO_SETTINGS_MODULE"] = "tests.resilience.strange.settings"
        environment |= {
            "TASK_CANARY_SECONDS": "1",
            "TASK_CANARY_PATIENCE_SECONDS": "8",
            "TASK_SWEEP_SECONDS": "3",
            "WORKER_MAX_MEMORY": "500MiB",
        } | self._environment
        with self.log.open("ab") as output:
            command = [sys.executable, "manage.py", "run_worker"]
            self.process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=output, stderr=output, start_new_session=True)
        self._seen: list[psutil.Process] = []
        return self

    def __exit__(self, *_exception: object) -> None:
        self.family()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        _gone, alive = psutil.wait_procs(self._seen, timeout=60)
        for survivor in alive:
            survivor.kill()
        assert not [process for process in alive if process.is_running()], self.text()

    def family(self) -> list[psutil.Process]:
        """Every process below the supervisor."""
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            found = []
        self._seen += [process for process in found if process not in self._seen]
        return found

    def sentinel(self, queue: str) -> psutil.Process:
        found = [process for process in psutil.Process(self.process.pid).children() if queue in process.cmdline()]
        return found[0]

    def was_replaced(self, queue: str, old: int) -> bool:
        try:
            return self.sentinel(queue).pid != old
        except (IndexError, psutil.NoSuchProcess):
            return False  # between two

    def members(self, queue: str, role: str = "task-") -> list[psutil.Process]:
        """Below a sentinel: `task-worker`, `task-monitor`, `task-pusher`, or all of them."""
        return [process for process in self.sentinel(queue).children() if process.name().startswith(role)]

    def wait_until_complete(self) -> None:
        def complete() -> bool:
            try:
                return len(self.members("default")) == 4 and len(self.members("media")) == 3
            except (IndexError, psutil.NoSuchProcess):
                return False

        wait_for(complete, seconds=120, what=f"both clusters are complete\n{self.text()}")
        self.family()

    def stop(self) -> int:
        self.family()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)

    def text(self) -> str:
        return self.log.read_text()[-4000:]
