"""One process of the launcher's: started in a session of its own, watched, started again when it ends, stopped with everything it began."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 25
LONGEST_PAUSE = 15.0
LOG_KEEP_BYTES = 20 * 2**20


def say(text: str) -> None:
    print(f"  {text}", flush=True)


@dataclass
class Service:
    """One child process that is always to be running."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    pid_file: Path
    process: subprocess.Popen[bytes] | None = None
    pause: float = 0.5
    start_at: float = 0.0
    started: float = field(default=0.0)

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_KEEP_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the launcher only: it stops its services in order
                preexec_fn=_stop_with_parent,  # one call into libc, which was loaded before the fork
            )
        self.started = time.monotonic()
        self.pid_file.write_text(str(self.process.pid))

    def watch(self) -> None:
        """Start the process again if it has ended, after a pause that grows while it keeps ending."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self.start_at:
            self.pause = 0.5 if now - self.started > 60 else min(LONGEST_PAUSE, self.pause * 2)
            self.start_at = now + self.pause
            say(f"{self.name} ended ({self.process.returncode}); starting it again in {self.pause:.0f} s. Its log: {self.log}")
        if now >= self.start_at:
            self.start_at = 0.0
            self.start()

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                say(f"{self.name} did not stop in {STOP_SECONDS} s; ending it.")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # whatever is left of its session
        self.process.wait()
        self.pid_file.unlink(missing_ok=True)


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _stop_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: a killed launcher leaves nothing behind
