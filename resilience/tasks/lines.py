"""Which waiting tasks are due and may be begun, in SQL: what claims take, what wake-ups are sent for, and how both stay quick on a long table.

A *line* is what waits in one queue of one kind and priority. There are few, however many tasks there are, and an index (`task_line`) has each
in the order of its time. So a claim walks the lines, looks at the head of each that is not held, and takes the best of those heads:

- a line that is paused, or whose kind needs a circuit that rests, costs one look, whether it has one task or a million;
- tasks of the future cost nothing.
"""

# ruff: noqa: S608 - statements put together of our own words
from __future__ import annotations

from resilience.circuits import rests
from resilience.statements import fetch

from .registry import all_kinds

WAITING = "state IN ('pending', 'retry_wait')"  # as the partial index has it

# The same and "leased" in words that no partial index answers to: rows asked for by id are to be found by their id. A plan that was made while
# the table was small, and is kept, would otherwise walk everything that waits.
STILL_WAITING = "state NOT IN ('leased', 'succeeded', 'dead', 'canceled')"
STILL_LEASED = "state NOT IN ('pending', 'retry_wait', 'succeeded', 'dead', 'canceled')"

# A task of its own: its row is `t`. Parameter: kinds that rest.
NOT_HELD = """NOT EXISTS (
    SELECT FROM resilience_pause p WHERE (p.until IS NULL OR p.until > statement_timestamp())
       AND ((p.scope = 'queue' AND p.name = t.queue) OR (p.scope = 'kind' AND p.name = t.kind)))
    AND kind <> ALL (%s::text[])"""

# Parameters: queue, queue, queue, kinds that rest, queue, how many from each line, how many in all.
BEST = f"""
lines AS (
    (SELECT kind, priority FROM resilience_task WHERE queue = %s AND {WAITING} ORDER BY kind, priority LIMIT 1)
    UNION ALL
    SELECT following.kind, following.priority FROM lines, LATERAL (
        SELECT t.kind, t.priority FROM resilience_task t
         WHERE t.queue = %s AND t.{WAITING} AND (t.kind, t.priority) > (lines.kind, lines.priority) ORDER BY t.kind, t.priority LIMIT 1) following
), open_lines AS (
    SELECT kind, priority FROM lines WHERE NOT EXISTS (
        SELECT FROM resilience_pause p WHERE (p.until IS NULL OR p.until > statement_timestamp())
           AND ((p.scope = 'queue' AND p.name = %s) OR (p.scope = 'kind' AND p.name = lines.kind)))
       AND kind <> ALL (%s::text[])
), best AS (
    SELECT head.id FROM open_lines, LATERAL (
        SELECT t.id, t.priority, t.run_at FROM resilience_task t
         WHERE t.queue = %s AND t.{WAITING} AND t.kind = open_lines.kind AND t.priority = open_lines.priority AND t.run_at <= statement_timestamp()
         ORDER BY t.run_at LIMIT %s) head
     ORDER BY head.priority, head.run_at LIMIT %s
)"""

_DUE = f"WITH RECURSIVE {BEST} SELECT id FROM best"


def best_parameters(queue: str, *, most: int) -> tuple[object, ...]:
    """Return the parameters of `BEST`, for at most so many tasks."""
    return (queue, queue, queue, resting_kinds(), queue, most, most)


def resting_kinds() -> list[str]:
    """Return the kinds whose body could do nothing now, because a circuit they need is open. Costs no query while the circuits' snapshot is fresh."""
    return [kind.name for kind in all_kinds() if any(rests(circuit) > 0 for circuit in kind.needs)]


def due_now(queue: str, *, most: int) -> list[str]:
    """Return the ids of the best tasks of a queue that could be claimed now."""
    return [str(row[0]) for row in fetch(_DUE, *best_parameters(queue, most=most))]
