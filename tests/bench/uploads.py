"""What is measured, the same way for every server. Each case returns plain figures."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bench.line import MIB, PIECE, SMALL, Line, Refused
from tests.bench.peers import Contestant

PART = 5 * MIB
STALLED = 1000  # whatever the scale: fewer say nothing about many


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is sent. `share` 1.0 is what the figures of the design are about: 1 GiB, 32 × 32 MiB, 1,000 small files."""

    share: float

    @property
    def large(self) -> int:
        return max(1, round(1024 * self.share)) * MIB

    @property
    def each_of_many(self) -> int:
        return max(1, round(32 * self.share)) * MIB

    @property
    def small_files(self) -> int:
        return max(16, round(1000 * self.share))


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def one_large(server: Contestant, scale: Scale, *, part: int) -> dict[str, float]:
    """(a) and (b): one connection, MiB/s; and what the server's memory rose by meanwhile, MiB."""
    line = server.line()
    path = line.create(scale.large)
    server.watch_memory()
    idle = server.memory("VmRSS")
    started = time.perf_counter()
    line.send(path, scale.large, part=part)
    taken = time.perf_counter() - started
    rise = server.memory("VmHWM") - idle
    line.close()
    return {"speed": scale.large / MIB / taken, "memory": rise}


def many_at_once(server: Contestant, scale: Scale) -> dict[str, float]:
    """(c): 32 connections, one file each in parts of 5 MiB; MiB/s in all, the parts' p99 in ms, memory MiB."""
    lines = [server.line() for _ in range(32)]
    paths = [line.create(scale.each_of_many) for line in lines]
    server.watch_memory()
    idle = server.memory("VmRSS")

    def send(number: int) -> list[float]:
        return lines[number].send(paths[number], scale.each_of_many, part=PART)

    taken, parts = _together(send, 32)
    rise = server.memory("VmHWM") - idle
    for line in lines:
        line.close()
    return {"speed": 32 * scale.each_of_many / MIB / taken, "p99": 1000 * percentile((second for part in parts for second in part), 0.99), "memory": rise}


def small_ones(server: Contestant, scale: Scale) -> dict[str, float]:
    """(d): files of 64 KiB, each created and sent, over 16 connections; files/s."""
    waiting = iter(range(scale.small_files))
    lines = [server.line() for _ in range(16)]

    def send(number: int) -> list[float]:
        return [lines[number].patch(lines[number].create(SMALL), 0, SMALL) for _ in waiting]

    taken, _parts = _together(send, 16)
    for line in lines:
        line.close()
    return {"speed": scale.small_files / taken}


def heads_beside_stalled(server: Contestant) -> dict[str, float]:
    """How quickly a HEAD is answered while many connections have begun a PATCH and fallen silent; ms, and memory in MiB.

    Raises:
        Refused: the server ended some of them before the last HEAD; its figures would be about fewer.
    """
    idle = server.memory("VmRSS")
    stalled: list[Line] = []
    try:
        with ThreadPoolExecutor(8) as people:
            stalled.extend(people.map(lambda _number: _stall(server), range(STALLED)))
        asking = server.line()
        quiet = [asking.create(SMALL) for _ in range(20)]
        seconds = [asking.head(path) for _ in range(25) for path in quiet]
        asking.close()
        rise = server.memory("VmRSS") - idle
        still = sum(line.is_silent() for line in stalled)
        if still < STALLED:
            raise Refused(f"only {still} of {STALLED} stalled uploads were still open after the last HEAD")
    finally:
        for line in stalled:
            line.close()
    return {"open": still, "p50": 1000 * percentile(seconds, 0.5), "p99": 1000 * percentile(seconds, 0.99), "memory": rise}


def _stall(server: Contestant) -> Line:
    line = server.line()
    line.stall(line.create(MIB), length=MIB, sent=1000)
    return line


def _together(action: Callable[[int], list[float]], count: int) -> tuple[float, list[list[float]]]:
    """Run `action(0)` … `action(count - 1)` at once; return the seconds until the last was done, and what each returned."""
    barrier = threading.Barrier(count + 1)

    def one(number: int) -> list[float]:
        barrier.wait()
        return action(number)

    with ThreadPoolExecutor(count) as people:
        futures = [people.submit(one, number) for number in range(count)]
        barrier.wait()
        started = time.perf_counter()
        results = [future.result() for future in futures]
        return time.perf_counter() - started, results


def ceiling(folder: Path, scale: Scale) -> float:
    """MiB/s of a process that receives, hashes and writes 1 GiB in one loop and knows no protocol."""
    receiver = subprocess.Popen([sys.executable, "-m", "tests.bench.uploads", str(folder / "ceiling")], stdout=subprocess.PIPE, text=True)
    assert receiver.stdout is not None
    with socket.create_connection(("127.0.0.1", int(receiver.stdout.readline()))) as line:
        started = time.perf_counter()
        for _ in range(scale.large // MIB):
            line.sendall(PIECE)
        line.shutdown(socket.SHUT_WR)
        line.recv(1)
        taken = time.perf_counter() - started
    receiver.wait()
    receiver.stdout.close()
    (folder / "ceiling").unlink()
    return scale.large / MIB / taken


def _receive(target: str) -> None:
    buffer, digest = memoryview(bytearray(256 * 1024)), hashlib.sha256()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        line, _address = listener.accept()
    descriptor = os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    while size := line.recv_into(buffer):
        digest.update(buffer[:size])
        os.write(descriptor, buffer[:size])
    line.sendall(b"k")


if __name__ == "__main__":
    _receive(sys.argv[1])
