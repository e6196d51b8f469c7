"""One ffmpeg process that cannot outlive us: its own process group, dies with its parent, watched for headway."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from processing.engines.base import EngineFailure, Failure, Watch

from .progress import Progress, ProgressParser

STALL_SECONDS = 30.0  # without any word from it
TICK_SECONDS = 0.5
STDERR_LINES = 60
NICE = 10
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Finished:
    """How a process ended. `code` below 0: a signal. `tail` holds the first and the last of what it complained about."""

    code: int
    tail: str
    last: Progress


@dataclass(slots=True)
class _Words:
    """What a process said on stderr: its first lines (the cause) and its last ones (the end)."""

    first: list[str] = field(default_factory=list)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=STDERR_LINES // 2))
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-1_000:]
        for line in filter(None, lines):
            words = line[:300].decode("utf-8", "replace")
            (self.first if len(self.first) < STDERR_LINES // 2 else self.last).append(words)

    def text(self) -> str:
        return "\n".join([*self.first, *self.last])


def run(command: Sequence[str], watch: Watch, *, stall_s: float = STALL_SECONDS, limit_s: float | None = None) -> Iterator[Progress | Finished]:
    """Run a command; yield its progress blocks, then one `Finished`.

    Whatever ends the iteration (an end, an exception, a closed generator) the whole process group is dead afterwards.

    Args:
        stall_s: seconds without a word from it after which it is killed; four times as many without headway.
        limit_s: seconds after which it is killed in any case.

    Raises:
        Stopped: the watch said so.
        EngineFailure: it could not be started, stood still, or took longer than the limit.
    """
    parser, words, last = ProgressParser(), _Words(), Progress(0.0, 0, ended=False)
    began = heard = moved = time.monotonic()
    with started(command) as process, selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            watch.check()
            now = time.monotonic()
            if now - heard > stall_s or now - moved > 4 * stall_s or (limit_s is not None and now - began > limit_s):
                why = f"silent for {now - heard:.0f} s, no headway for {now - moved:.0f} s, {now - began:.0f} s in all"
                raise EngineFailure(Failure("engine", "STALLED", why, last.out_time_s))
            for key, _ in selector.select(TICK_SECONDS):
                data = os.read(key.fd, 65_536)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    words.feed(data)
                else:
                    for block in parser.feed(data):
                        advanced = (block.out_time_s, block.frames) != (last.out_time_s, last.frames)
                        last = block
                        yield block
                        moved = time.monotonic() if advanced else moved
                    heard = time.monotonic()  # after the caller had its time with the block
        yield Finished(_wait(process, stall_s), words.text(), last)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int:
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired as hung:
        raise EngineFailure(Failure("engine", "STALLED", "said its last word but did not end")) from hung


@contextmanager
def started(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in its own group, to die with us, and kill the group at the end of the block.

    Raises:
        EngineFailure: there is no such program.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
            bufsize=0,
        )
    except FileNotFoundError as missing:
        raise EngineFailure(Failure("engine", "MISSING", str(missing))) from missing
    try:
        yield process
    finally:
        kill_group(process)
        _close(process.stdout, process.stderr)


def _die_with(parent: int) -> Callable[[], None]:
    def in_child() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(NICE)
        if os.getppid() != parent:  # it died between fork and here
            os._exit(137)

    return in_child


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all it started, and wait until it is gone."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _close(*streams: IO[bytes] | None) -> None:
    for stream in streams:
        if stream is not None:
            stream.close()
