"""Uploads beside two other servers, same client, same machine and file system, in alternating runs. Prints figures, judges nothing.

Ours hashes, fsyncs and commits before it acknowledges; the others keep bytes in the page cache. Everything lies under the folder for temporary
files (TMPDIR), and the disk comes to rest between two measurements. Takes about a minute per round and server on two cores at scale 1.
Settings, all from the environment: BENCH_SCALE (1.0 sends 1 GiB per large case), BENCH_ROUNDS (3), BENCH_MINUTES (15: after that no further
round begins), BENCH_CASES (a,b,c,d,stalled), BENCH_PEERS (tus-node,tuspyserver).
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

import tests.embedded_postgres as private
from tests.bench import TOOLS
from tests.bench.line import Refused
from tests.bench.peers import Contestant, ours, tus_node, tuspyserver
from tests.bench.report import Figures, report
from tests.bench.uploads import MIB, PART, Scale, ceiling, heads_beside_stalled, many_at_once, one_large, small_ones

WARM_UP = Scale(0.01)


def measure(server: Contestant, case: str, scale: Scale) -> dict[str, float]:
    match case:
        case "a":
            return one_large(server, scale, part=scale.large)
        case "b":
            return one_large(server, scale, part=PART)
        case "c":
            return many_at_once(server, scale)
        case "d":
            return small_ones(server, scale)
        case "stalled":
            return heads_beside_stalled(server)
        case _:
            raise SystemExit(f"BENCH_CASES knows a, b, c, d and stalled, not {case!r}.")


def rounds(servers: list[Contestant], folder: Path, *, cases: list[str], scale: Scale, count: int, seconds: float) -> tuple[Figures, int]:
    """Return what was measured and in how many rounds: none begins after `seconds`."""
    figures, began = Figures(), time.monotonic()
    for server in servers:
        for case in ("a", "d"):
            measure(server, case, WARM_UP)
        server.forget_files()
    for number in range(count):
        if number and time.monotonic() - began > seconds:
            return figures, number
        one_round(figures, servers[number % len(servers) :] + servers[: number % len(servers)], folder, cases=cases, scale=scale)
        print(f"  round {number + 1} of {count} done after {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True)
    return figures, count


def one_round(figures: Figures, servers: list[Contestant], folder: Path, *, cases: list[str], scale: Scale) -> None:
    for case in cases:
        if case == "a":
            figures.ceiling.append(ceiling(folder, scale))
            os.sync()
        for server in servers:
            try:
                figures.add(server.name, case, measure(server, case, scale))
            except (OSError, Refused) as failure:
                print(f"  {server.name} did not hold ({case}): {failure}", flush=True)
            server.forget_files()


def main() -> int:
    scale, count = Scale(float(os.environ.get("BENCH_SCALE", "1"))), int(os.environ.get("BENCH_ROUNDS", "3"))
    seconds = 60 * float(os.environ.get("BENCH_MINUTES", "15"))
    cases = os.environ.get("BENCH_CASES", "a,b,c,d,stalled").split(",")
    peers = os.environ.get("BENCH_PEERS", "tus-node,tuspyserver").split(",")
    _allow_many_files()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    try:
        with ExitStack() as stack:
            servers = [stack.enter_context(ours(os.environ["DATABASE_URL"]))]
            if "tus-node" in peers:
                servers.append(stack.enter_context(tus_node(TOOLS, folder / "tus-node")))
            if "tuspyserver" in peers:
                servers.append(stack.enter_context(tuspyserver(TOOLS, folder / "tuspyserver")))
            figures, count = rounds(servers, folder, cases=cases, scale=scale, count=count, seconds=seconds)
        what = f"{scale.large // MIB} MiB large, {os.cpu_count()} cores shared with the client, {file_system(folder)}, {time.monotonic() - started:.0f} s"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(report(figures, title=f"\nMedians of {count} alternating rounds, {what}"))
    return 0


def file_system(folder: Path) -> str:
    """Say what kind of file system all servers write to: on tmpfs, making bytes durable costs nothing and means nothing."""
    mounted = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    return max(mounted, key=lambda part: len(part.mountpoint)).fstype if mounted else "unknown file system"


def _allow_many_files() -> None:
    """A thousand stalled uploads are two thousand descriptors here and in the servers, which inherit this."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))


if __name__ == "__main__":
    try:
        status = main()
    finally:
        private.remove()
    sys.exit(status)
