"""Durable task bodies and reapers of news from engines elsewhere."""

from __future__ import annotations

from datetime import timedelta

from processing.events import prune, stalls, sweep, watch
from resilience.reapers import reaper
from resilience.tasks import TaskContext, durable

QUICKLY = timedelta(seconds=5)  # each round of a housekeeper


@durable(watch.ASK, timeout=60)
def ask(context: TaskContext, *, attempt_id: str, paid: bool = False) -> None:
    watch.ask(attempt_id, paid=paid and context.attempt == 1)  # what was paid for was one question


@durable(sweep.PAGE, timeout=120)
def sweep_page(context: TaskContext, *, region: str, token: str = "", number: int = 1) -> None:
    sweep.sweep_page(region=region, token=token, number=number)


reaper("processing.watch_remote", every=QUICKLY, about="Asks engines elsewhere about jobs that nobody tells us of.")(watch.watch_remote)
reaper("processing.stalled", about="Ends jobs elsewhere that take longer than anything may.")(stalls.end_stalled)
reaper("processing.orphans", every=timedelta(hours=24), about="Looks through what engines elsewhere list, for jobs nobody here knows.")(sweep.begin)
reaper("processing.events", every=timedelta(minutes=10), about="Forgets old news of engines elsewhere, and orphans that are settled.")(prune.prune_events)
reaper("processing.event_dead_letters", about="Counts news that was given up.")(prune.count_dead_letters)
