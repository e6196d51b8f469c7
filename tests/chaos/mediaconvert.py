"""Many jobs at a MediaConvert where everything goes wrong now and then, and workers that are killed: each ends published, or with a reason."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

from resilience.errors import CATALOGUE
from tests.media import clip
from tests.stack.aws import AwsSystem
from tests.stack.system import wait_for

PATIENCE_SECONDS = 1800
STEADY_SECONDS = 60
# Every kind of fault the emulator knows, each where it can happen. (A region that is down is a test of its own.)
REQUESTS: tuple[dict[str, Any], ...] = (
    {"fault": "throttle"},
    {"fault": "error"},
    {"fault": "quota", "operation": "CreateJob"},
    {"fault": "latency", "seconds": 0.3},
    {"fault": "reset_before"},
    {"fault": "reset_after"},
    {"fault": "lag", "seconds": 2},
)
WORK: tuple[dict[str, Any], ...] = (
    {"fault": "job_error", "code": 1517},
    {"fault": "job_error", "code": 1030},
    {"fault": "job_error", "code": 1076},
    {"fault": "job_error", "code": 1550},
    {"fault": "stuck", "phase": "TRANSCODING"},
    {"fault": "short_output"},
    {"fault": "missing_output"},
)
NEWS: tuple[dict[str, Any], ...] = (
    {"fault": "event_lost"},
    {"fault": "event_doubled"},
    {"fault": "event_delayed", "seconds": 2},
    {"fault": "event_reordered"},
    {"fault": "event_malformed"},
    {"fault": "event_malformed", "how": "fields"},
)
OURS = "processing_job j JOIN uploads_video v ON v.id = j.video_id WHERE starts_with(v.title, 'film ')"  # of tests/mill.py
LIVE = "('queued', 'running', 'blocked')"
# As if two hours had passed since these began: a stuck job is then over its cap.
LATER = "UPDATE processing_attempt SET started_at = started_at - interval '2 hours' WHERE ended_at IS NULL AND started_at < now() - interval '20 seconds'"
SOON = "UPDATE processing_retrypolicy SET base_s = least(base_s, 1), cap_s = least(cap_s, 3)"


def everything(share: float) -> list[dict[str, Any]]:
    """Return rules by which each request, each job and each piece of news meets some fault with about this probability."""
    return [rule | {"probability": share / len(kinds)} for kinds in (REQUESTS, WORK, NEWS) for rule in kinds]


def run(system: AwsSystem, count: int, *, seed: int, share: float) -> None:
    """Have films converted while things go wrong and two workers are killed, and check every end.

    Args:
        share: probability of some fault, for each request, each job and each piece of news.
    """
    chance, film = random.Random(seed), clip(seconds=1, width=160, height=90)
    system.execute(SOON)
    system.faults(*everything(share))
    system.command("shell", "-c", f"from tests.mill import order; order({count}, film={str(film)!r}, email={system.email!r})")
    for part in (0.2, 0.5):
        wait_for(lambda part=part: _ended(system) >= part * count, seconds=PATIENCE_SECONDS, what=f"{part:.0%} have ended (seed {seed})", every=0.3)
        chance.choice(system.worker_processes()).kill()
    _finish(system, count, seed)
    rested = time.monotonic()
    wait_for(lambda: _busy(system) == [(0,)], seconds=STEADY_SECONDS, what=f"nothing is left to do (I9, seed {seed})", every=0.5)
    print(f"{count} jobs, seed {seed}: {_states(system)}; at rest {time.monotonic() - rested:.0f} s after the last")
    check(system, count)


def _finish(system: AwsSystem, count: int, seed: int) -> None:
    """Wait for all jobs; whatever stands still is, again and again, taken to be two hours older."""

    def all_ended() -> bool:
        system.execute(LATER)
        return _ended(system) == count

    wait_for(all_ended, seconds=PATIENCE_SECONDS, what=f"every job has ended (seed {seed}): {_states(system)}", every=5)
    system.no_faults()


def _ended(system: AwsSystem) -> int:
    return int(system.query(f"SELECT count(*) FROM {OURS} AND j.state NOT IN {LIVE}")[0][0])


def _states(system: AwsSystem) -> dict[str, int]:
    return dict(Counter(row[0] for row in system.query(f"SELECT j.state FROM {OURS}")))


def _busy(system: AwsSystem) -> list[tuple[Any, ...]]:
    kinds = "('processing.submit', 'processing.verify', 'processing.transcode', 'processing.look', 'processing.ask')"
    return system.query(f"SELECT count(*) FROM resilience_task WHERE state IN ('pending', 'leased', 'retry_wait') AND kind IN {kinds}")


def check(system: AwsSystem, count: int) -> None:
    """I3, I4 and I5 of docs/faults.md, by tables and by the emulator's journal."""
    assert system.query(f"SELECT count(*), count(finished_at) FROM {OURS}") == [(count, count)], "I3: every job has ended"
    made = Counter(entry["metadata"]["attempt_id"] for entry in system.journal("job_created"))
    assert {attempt: times for attempt, times in made.items() if times > 1} == {}, "I4: no attempt has two jobs"
    won = system.query("SELECT job_id FROM processing_attempt WHERE state = 'succeeded' GROUP BY job_id HAVING count(*) > 1")
    assert won == [], "I4: no job was converted twice"
    known = {entry.code: entry for entry in CATALOGUE}
    for title, state, code, published, told in system.query(_OWNERS):
        if state in ("ready", "ready_partial"):
            assert published, f"{title} is {state} and cannot be played"
        else:
            assert code in known, f"I5: {title} is {state} for {code!r}, which is in no catalogue"
            assert known[code].what_happened, f"I5: {title} is {state} for {code}, which says nothing"
            assert known[code].actions, f"I5: {title} is {state} for {code}, which says nobody what to do"
        assert told, f"I5: the owner of {title} was told nothing"


_OWNERS = """
SELECT v.title, j.state, v.error_code, p.id IS NOT NULL,
       EXISTS (SELECT 1 FROM notifications_notification n WHERE n.video_id = v.id AND n.user_id = v.owner_id)
  FROM processing_job j JOIN uploads_video v ON v.id = j.video_id LEFT JOIN processing_publication p ON p.video_id = v.id WHERE starts_with(v.title, 'film ')"""
