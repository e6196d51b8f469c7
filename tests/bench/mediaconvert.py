"""What we do beside MediaConvert, whose jobs here cost next to nothing (the emulator in `fast` mode, S3 and SQS by moto, all on this machine).

1. From submitted to published: jobs/s, and processor time of our own processes for each. Goal: 100 jobs/s on two cores, emulator and moto included.
2. Calls of MediaConvert a minute while jobs run: while news flows, and when it has stopped altogether. Goal: 60 for 10,000 jobs while it flows.
BENCH_SCALE 1.0 is 500 jobs, then 300 that run for ever, watched for a minute each way.
"""

from __future__ import annotations

import os
import time

import psutil

import tests.embedded_postgres as private
from tests.media import clip
from tests.stack.aws import AwsSystem
from tests.stack.system import wait_for

RATE_GOAL, CALLS_GOAL = 100, 60
PATIENCE_SECONDS = 1200
FRESH = "UPDATE processing_attempt SET observed_at = clock_timestamp(), polled_at = NULL WHERE ended_at IS NULL"
SILENT = "UPDATE processing_attempt SET observed_at = clock_timestamp() - interval '1 hour', polled_at = NULL WHERE ended_at IS NULL"
QUESTIONS = ("GetJob", "ListJobs", "SearchJobs")


def order(system: AwsSystem, count: int) -> None:
    film = clip(seconds=1, width=160, height=90)
    system.command("shell", "-c", f"from tests.mill import order; order({count}, film={str(film)!r}, email={system.email!r})")


def processor_seconds(system: AwsSystem) -> float:
    """Return what workers and the consumer of news have used so far."""
    total = 0.0
    for name in ("worker-service", "events"):
        top = psutil.Process(int((system.var_dir / "run" / f"{name}.pid").read_text()))
        for process in (top, *top.children(recursive=True)):
            used = process.cpu_times()
            total += used.user + used.system
    return total


def control_plane(system: AwsSystem, count: int) -> None:
    system.execute("INSERT INTO resilience_pause (scope, name, reason) VALUES ('kind', 'processing.submit', 'bench')")
    order(system, count)
    used = processor_seconds(system)
    system.execute("DELETE FROM resilience_pause")
    wait_for(lambda: system.query("SELECT count(*) FROM processing_job WHERE finished_at IS NOT NULL") == [(count,)], seconds=PATIENCE_SECONDS, what="all jobs")
    used = processor_seconds(system) - used
    [(seconds, ready)] = system.query(
        "SELECT extract(epoch FROM max(j.finished_at) - min(a.created_at))::float, count(DISTINCT j.id) FILTER (WHERE j.state = 'ready')"
        " FROM processing_job j JOIN processing_attempt a ON a.job_id = j.id"
    )
    print(f"  {count} jobs, {ready} ready: {count / seconds:.1f} jobs/s from submitted to published (goal ≥ {RATE_GOAL}),", end=" ")
    print(f"{1000 * used / count:.0f} ms of processor of ours for each, which allows {count / used * (os.cpu_count() or 1):.0f}/s here")


def calls(system: AwsSystem, count: int, seconds: float) -> None:
    system.faults({"fault": "stuck", "phase": "TRANSCODING"})
    order(system, count)
    running = "SELECT count(*) FROM processing_attempt WHERE ended_at IS NULL AND state IN ('submitted', 'progressing')"
    wait_for(lambda: system.query(running) == [(count,)], seconds=PATIENCE_SECONDS, what="all run")
    for what, statement in (("while news flows", FRESH), ("when none comes any more", SILENT)):
        begun, asked = time.monotonic(), len(_questions(system))
        system.execute(statement)
        while time.monotonic() - begun < seconds:
            time.sleep(min(5.0, seconds / 4))
            if statement is FRESH:
                system.execute(statement)
        minute = 60 * (len(_questions(system)) - asked) / (time.monotonic() - begun)
        print(f"  {count} running jobs, {what}: {minute:.0f} calls a minute (goal ≤ {CALLS_GOAL})")


def _questions(system: AwsSystem) -> list[object]:
    return [entry for entry in system.journal("request") if entry["operation"] in QUESTIONS]


def main(scale: float) -> None:
    with AwsSystem(EMULATOR_MODE="fast", WORKERS=os.environ.get("BENCH_WORKERS", "2"), LOG_LEVEL="WARNING") as system:
        print(f"{os.cpu_count()} cores shared with PostgreSQL, emulator and moto, load {os.getloadavg()[0]:.1f}")
        control_plane(system, max(20, round(500 * scale)))
        calls(system, max(10, round(300 * scale)), max(20.0, 60 * scale))


if __name__ == "__main__":
    try:
        main(float(os.environ.get("BENCH_SCALE", "1")))
    finally:
        private.remove()
