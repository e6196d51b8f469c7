"""Forget what ended long ago: tasks with their runs, in batches, the same limit at every round."""

from __future__ import annotations

from django.conf import settings

from resilience.statements import fetch

BATCH = 1_000
BATCHES = 25  # of one round a minute: 400 tasks a second are forgotten as fast as they come

_OLD = """FROM resilience_task WHERE {over} AND finished_at < statement_timestamp() - make_interval(days => %s)"""
_OVER = _OLD.format(over="state IN ('succeeded', 'canceled')")
_DEAD = _OLD.format(over="state = 'dead'")


def prune_tasks(*, dry_run: bool = False) -> int:
    """Delete tasks that succeeded or were canceled TASK_KEEP_DAYS ago, and dead letters nobody wanted for TASK_KEEP_DEAD_DAYS. Return how many."""
    kept = ((_OVER, settings.TASK_KEEP_DAYS), (_DEAD, settings.TASK_KEEP_DEAD_DAYS))
    return sum(_look(old, days) if dry_run else _prune(old, days) for old, days in kept)


def _look(old: str, days: int) -> int:
    """Count them, as far as one round would go."""
    ((count,),) = fetch(f"SELECT count(*) FROM (SELECT 1 {old} LIMIT %s) found", days, BATCH * BATCHES)  # noqa: S608 - our own words
    return int(count)


def _prune(old: str, days: int) -> int:
    """Each batch is a statement and a commit of its own; rows that somebody changes at the moment are left for the next round."""
    statement = f"""
    WITH old AS MATERIALIZED (SELECT id {old} ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED),
         runs AS (DELETE FROM resilience_taskrun WHERE task_id IN (SELECT id FROM old)),
         gone AS (DELETE FROM resilience_task WHERE id IN (SELECT id FROM old) RETURNING 1)
    SELECT count(*) FROM gone"""  # noqa: S608 - our own words
    total = 0
    for _ in range(BATCHES):
        ((count,),) = fetch(statement, days, BATCH)
        total += count
        if count < BATCH:
            break
    return total
