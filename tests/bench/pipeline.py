"""A conversion on this host beside the bare ffmpeg commands it is made of, and how soon its first rung can be played.

The same film twice: through an attempt (leases, verification, rows, the store), and by its own commands alone, as they were recorded. Goals: at
most 5 % more processor time, and the first rung playable within 20 % of the whole. BENCH_SCALE 1.0 is 60 s at 1920x1080, which makes the
full ladder; what an attempt costs beside the commands does not grow with the film, so a short one looks worse.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench import part

OVERHEAD_GOAL, FIRST_GOAL = 5.0, 20.0
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))


def used() -> float:
    """Return seconds of processor time of this process and of its children that have ended."""
    kinds = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(kind.ru_utime + kind.ru_stime for kind in kinds)


def through_the_pipeline(film: Path) -> tuple[float, float, list[list[str]]]:
    """Convert a film. Return seconds of processor time, the share of the whole (%) after which the first rung was ready, and the commands."""
    from processing.engines.local import process
    from processing.models import Rendition
    from processing.services.run import run_attempt
    from tests.processing.helpers import Context, submitted

    commands: list[list[str]] = []
    real = process.run

    def recorded(command: Sequence[str], *arguments: Any, **named: Any) -> Iterator[Any]:
        commands.append(list(command))
        return real(command, *arguments, **named)

    job, attempt = submitted(film)
    process.run = recorded
    before = used()
    try:
        run_attempt(Context(), job_id=job.public_id, chain_id=attempt.client_token)
    finally:
        process.run = real
    spent = used() - before
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert job.state == "ready", job.state
    first = Rendition.objects.filter(job=job).earliest("ready_at").ready_at
    assert first
    assert attempt.started_at
    assert job.finished_at
    return spent, 100 * (first - attempt.started_at) / (job.finished_at - attempt.started_at), commands


def by_themselves(commands: list[list[str]]) -> float:
    """Run the commands of a conversion again, and nothing else. Return seconds of processor time."""
    for command in commands:
        Path(command[-1]).parent.mkdir(parents=True, exist_ok=True)
    before = used()
    for command in commands:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return used() - before


def _end_keeper() -> None:
    """Have the circuits let go of their connection, so that the database can be dropped."""
    from resilience.circuits import keeper

    kept = keeper.keeper()
    assert isinstance(kept, keeper.Keeper)
    kept.stop(5)


def main(scale: float) -> None:
    from tests.media import clip

    film = clip(seconds=max(4, round(60 * scale)), width=1920, height=1080)
    ours, bare, shares = [], [], []
    for _ in range(ROUNDS):
        spent, share, commands = through_the_pipeline(film)
        ours.append(spent)
        shares.append(share)
        bare.append(by_themselves(commands))
    over = 100 * (statistics.median(ours) / statistics.median(bare) - 1)
    first = statistics.median(shares)
    print(f"{film.name}, {len(commands)} commands of ffmpeg, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"  the whole pipeline {statistics.median(ours):6.1f} s of processor, its ffmpeg commands alone {statistics.median(bare):6.1f} s", end="")
    print(f": {over:+.1f} % (goal ≤ {OVERHEAD_GOAL:.0f} %)")
    print(f"  the first rung can be played after {first:.1f} % of the whole time (goal ≤ {FIRST_GOAL:.0f} %)")
    _end_keeper()


if __name__ == "__main__":
    part.run(main)
