"""`make bench`: what uploads cost, beside the least a Python process could do, in the same run. Prints figures, judges nothing.

(a) one PATCH of 512 MiB; (b) the same in 5 MiB PATCHes; (d) 300 × 64 KiB, each created and sent. Ours hashes nothing on the way
in (the whole file's digest is taken when it is inspected), fsyncs and commits before it acknowledges. The ceiling is one
process that receives, writes and fdatasyncs, and knows no protocol.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import tests.embedded_postgres as private
from tests.stack.client import Upload
from tests.stack.system import System

MIB = 2**20
LARGE = 512 * MIB
ROUNDS = 3


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def ceiling(source: Path, folder: Path) -> float:
    """Seconds for a bare socket to take the file and make it durable."""
    listener = socket.create_server(("127.0.0.1", 0))

    def receive() -> None:
        connection, _address = listener.accept()
        target = os.open(folder / "ceiling", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        while data := connection.recv(MIB):
            os.write(target, data)
        os.fdatasync(target)
        os.close(target)
        connection.sendall(b"k")
        connection.close()

    def send() -> None:
        with socket.create_connection(listener.getsockname()) as connection, source.open("rb") as data:
            connection.sendfile(data)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)

    receiver = threading.Thread(target=receive)
    receiver.start()
    taken = seconds(send)
    receiver.join()
    listener.close()
    return taken


def send(system: System, source: Path, *, chunk: int) -> float:
    upload = Upload(system.url, system.token, source, chunk=chunk)
    upload.create().raise_for_status()
    return seconds(lambda: upload.send(seconds=300))


def small_ones(system: System, source: Path, count: int) -> float:
    def one_by_one() -> None:
        for _ in range(count):
            upload = Upload(system.url, system.token, source)
            upload.create().raise_for_status()
            upload.send(seconds=30)

    return seconds(one_by_one)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, System(UPLOAD_ACCEPT="*", UPLOAD_MAX_SIZE="2GiB", WORKERS="1") as system:
        folder = Path(name)
        large, small = folder / "large.bin", folder / "small.bin"
        with large.open("wb") as out:
            for _ in range(LARGE // MIB):
                out.write(os.urandom(MIB))
        small.write_bytes(os.urandom(64 * 1024))
        rows: dict[str, list[float]] = {"ceiling": [], "a": [], "b": []}
        for _ in range(ROUNDS):
            rows["ceiling"].append(LARGE / MIB / ceiling(large, folder))
            rows["a"].append(LARGE / MIB / send(system, large, chunk=LARGE))
            rows["b"].append(LARGE / MIB / send(system, large, chunk=5 * MIB))
        medians = {name: statistics.median(values) for name, values in rows.items()}
        print(f"\nMedians of {ROUNDS} rounds, {os.cpu_count()} cores, client on the same machine:")
        print(f"  ceiling  receive, write, fdatasync   {medians['ceiling']:7.0f} MiB/s")
        for row, what in (("a", "512 MiB in one PATCH"), ("b", "512 MiB in 5 MiB PATCHes")):
            print(f"  ({row})      {what:<26}  {medians[row]:7.0f} MiB/s   {medians[row] / medians['ceiling']:.2f} × ceiling")
        count = 300
        print(f"  (d)      64 KiB, create and PATCH    {count / small_ones(system, small, count):7.0f} uploads/s, one client")
    return 0


if __name__ == "__main__":
    try:
        status = main()
    finally:
        private.remove()
    sys.exit(status)
