"""The text of the circuits' statements: each is one transaction of its own, with its guards and its event."""

# ruff: noqa: S608 - put together from texts of our own; values go apart
from __future__ import annotations

_NO_TRIAL = "trial_owner = '', trial_expires_at = NULL, trial_successes = 0"
_EMPTY = "window_slots = '{}', window_started_at = NULL, window_calls = 0, window_failures = 0, window_slow = 0"
_HEALTHY = f"opened_at = NULL, open_until = NULL, open_streak = 0, {_NO_TRIAL}, {_EMPTY}"
_UNFORCED = "forced_by_id = NULL, forced_reason = '', forced_until = NULL"
_TELL = "INSERT INTO resilience_circuitevent (circuit_id, version, from_state, to_state, reason, owner, at)"

READ = """
SELECT name, state, version,
    extract(epoch FROM open_until - statement_timestamp()), extract(epoch FROM trial_expires_at - statement_timestamp()),
    extract(epoch FROM forced_until - statement_timestamp()),
    CASE WHEN state = 'forced_open' THEN forced_reason ELSE last_error END,
    window_failures + window_slow > 0
FROM resilience_circuit"""

_NEW_ROW = """
INSERT INTO resilience_circuit AS c (name, limits, state, version, window_slots, window_calls, window_failures, window_slow, open_streak,
    trial_owner, trial_successes, forced_reason, last_error, updated_at)
SELECT name, limits, 'closed', 0, '{}', 0, 0, 0, 0, '', 0, '', '', statement_timestamp()"""

ENSURE = f"""{_NEW_ROW}
FROM unnest(%s::text[], %s::jsonb[]) AS wanted (name, limits) ORDER BY name
ON CONFLICT (name) DO UPDATE SET limits = EXCLUDED.limits WHERE c.limits IS DISTINCT FROM EXCLUDED.limits"""

ENSURE_ONE = f"""{_NEW_ROW}
FROM (VALUES (%s, %s::jsonb)) AS wanted (name, limits) ON CONFLICT (name) DO NOTHING"""

# The window is six slots of (calls, failures, slow), the newest first. `shift` is how many slots began since the row was last written.
# Rows are locked in the order of their names, so that two processes that count for the same circuits never wait for each other in a ring.
COUNT = f"""
WITH given AS (
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::int[], %s::int[], %s::int[], %s::text[],
        %s::float8[], %s::int[], %s::float8[], %s::float8[], %s::float8[])
    AS g (name, version, calls, failures, slow, error, slot, min_calls, failure_share, slow_share, rest)
), held AS (
    SELECT g.*, c.state, c.window_slots,
        to_timestamp((floor(extract(epoch FROM statement_timestamp()) / g.slot) - 5) * g.slot) AS started, c.window_started_at AS was_started
    FROM resilience_circuit c JOIN given g ON g.name = c.name AND g.version = c.version
    WHERE c.state IN ('closed', 'forced_closed') ORDER BY c.name FOR UPDATE OF c
), shifted AS (
    SELECT held.*, least(6, greatest(0, coalesce(round(extract(epoch FROM started - was_started) / slot), 6)))::int AS shift FROM held
), slid AS (
    SELECT shifted.*, (array_fill(0, ARRAY[3 * shift]) || window_slots || array_fill(0, ARRAY[18]))[1:18] AS s FROM shifted
), added AS (
    SELECT slid.*, ARRAY[s[1] + calls, s[2] + failures, s[3] + slow] || s[4:18] AS slots,
        calls + s[1] + s[4] + s[7] + s[10] + s[13] + s[16] AS all_calls,
        failures + s[2] + s[5] + s[8] + s[11] + s[14] + s[17] AS all_failures,
        slow + s[3] + s[6] + s[9] + s[12] + s[15] + s[18] AS all_slow
    FROM slid
), judged AS (
    SELECT added.*, state = 'closed' AND all_calls >= min_calls AND (
        (all_failures > 0 AND all_failures >= failure_share * all_calls) OR (all_slow > 0 AND all_slow >= slow_share * all_calls)) AS trips
    FROM added
), moved AS (
    UPDATE resilience_circuit c SET
        window_slots = j.slots, window_started_at = j.started,
        window_calls = j.all_calls, window_failures = j.all_failures, window_slow = j.all_slow,
        last_error = CASE WHEN j.error <> '' THEN j.error ELSE c.last_error END,
        last_error_at = CASE WHEN j.error <> '' THEN statement_timestamp() ELSE c.last_error_at END,
        state = CASE WHEN j.trips THEN 'open' ELSE c.state END,
        version = c.version + j.trips::int,
        opened_at = CASE WHEN j.trips THEN statement_timestamp() ELSE c.opened_at END,
        open_until = CASE WHEN j.trips THEN statement_timestamp() + make_interval(secs => j.rest) ELSE c.open_until END,
        open_streak = CASE WHEN j.trips THEN 0 ELSE c.open_streak END,
        updated_at = statement_timestamp()
    FROM judged j WHERE c.name = j.name AND c.version = j.version AND c.state = j.state
    RETURNING c.name, c.version, j.trips, j.all_calls, j.all_failures, j.all_slow, c.last_error
), told AS (
    {_TELL}
    SELECT name, version, 'closed', 'open', left(format('%%s of %%s calls failed, %%s were slow. %%s', all_failures, all_calls, all_slow, last_error), 300),
        %s::text, statement_timestamp()
    FROM moved WHERE trips
)
SELECT name, version, trips FROM moved"""

BEGIN_TRIAL = f"""
WITH held AS (
    SELECT name, state FROM resilience_circuit
    WHERE name = %(name)s AND version = %(version)s AND (
        (state = 'open' AND open_until <= statement_timestamp()) OR (state = 'half_open' AND trial_expires_at <= statement_timestamp()))
    FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE resilience_circuit c SET state = 'half_open', version = c.version + 1, trial_owner = %(owner)s::text,
        trial_expires_at = statement_timestamp() + make_interval(secs => %(lease)s),
        trial_successes = CASE WHEN held.state = 'open' THEN 0 ELSE c.trial_successes END, updated_at = statement_timestamp()
    FROM held WHERE c.name = held.name AND c.version = %(version)s RETURNING c.name, held.state AS was, c.version
), told AS (
    {_TELL}
    SELECT name, version, was, 'half_open', 'trial call', %(owner)s::text, statement_timestamp() FROM moved WHERE was = 'open'
)
SELECT was, version FROM moved"""

_MY_TRIAL = "name = %(name)s AND state = 'half_open' AND version = %(version)s AND trial_owner = %(owner)s::text"

# Counting a good trial and closing after the last are two statements in one: only one of the two updates finds its row.
TRIAL_SUCCEEDED = f"""
WITH counted AS (
    UPDATE resilience_circuit SET trial_successes = trial_successes + 1, trial_expires_at = statement_timestamp(), updated_at = statement_timestamp()
    WHERE {_MY_TRIAL} AND trial_successes + 1 < %(enough)s
), moved AS (
    UPDATE resilience_circuit SET state = 'closed', version = version + 1, {_HEALTHY}, updated_at = statement_timestamp()
    WHERE {_MY_TRIAL} AND trial_successes + 1 >= %(enough)s RETURNING name, version
), told AS (
    {_TELL}
    SELECT name, version, 'half_open', 'closed', 'trial calls succeeded', %(owner)s::text, statement_timestamp() FROM moved
)
SELECT version FROM moved"""

TRIAL_FAILED = f"""
WITH moved AS (
    UPDATE resilience_circuit SET state = 'open', version = version + 1, opened_at = statement_timestamp(), open_streak = open_streak + 1,
        open_until = statement_timestamp() + make_interval(secs => least(%(cap)s, %(base)s * 2 ^ least(open_streak + 1, 20)) * %(spread)s),
        last_error = %(error)s::text, last_error_at = statement_timestamp(), {_NO_TRIAL}, updated_at = statement_timestamp()
    WHERE {_MY_TRIAL} RETURNING name, version
), told AS (
    {_TELL}
    SELECT name, version, 'half_open', 'open', left('the trial call failed. ' || %(error)s, 300), %(owner)s::text, statement_timestamp() FROM moved
)
SELECT version FROM moved"""

RELEASE_TRIAL = f"""
UPDATE resilience_circuit SET trial_expires_at = statement_timestamp(), updated_at = statement_timestamp() WHERE {_MY_TRIAL}"""

END_FORCED = f"""
WITH held AS (
    SELECT name, state FROM resilience_circuit
    WHERE name = %(name)s AND version = %(version)s AND state IN ('forced_open', 'forced_closed', 'disabled') AND forced_until <= statement_timestamp()
    FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE resilience_circuit c SET state = 'closed', version = c.version + 1, {_HEALTHY}, {_UNFORCED}, updated_at = statement_timestamp()
    FROM held WHERE c.name = held.name AND c.version = %(version)s RETURNING c.name, held.state AS was, c.version
), told AS (
    {_TELL}
    SELECT name, version, was, 'closed', 'the forced time is over', %(owner)s::text, statement_timestamp() FROM moved
)
SELECT was, version FROM moved"""

# An operator's: in the transaction that also writes the audit log, whatever the state was.
FORCE = f"""
WITH held AS (
    SELECT name, state FROM resilience_circuit WHERE name = %(name)s FOR UPDATE
), moved AS (
    UPDATE resilience_circuit c SET state = %(state)s::text, version = c.version + 1, {_HEALTHY},
        forced_by_id = %(by)s, forced_reason = %(reason)s, forced_until = %(until)s, updated_at = statement_timestamp()
    FROM held WHERE c.name = held.name RETURNING c.name, held.state AS was, c.version
), told AS (
    {_TELL}
    SELECT name, version, was, %(state)s::text, %(why)s::text, %(owner)s::text, statement_timestamp() FROM moved
)
SELECT was, version FROM moved"""

# What pybreaker's own breakers ask of a storage (storage.py). Nothing is written where nothing changes: healthy calls stay cheap.
STORED = "SELECT state, version, window_failures, trial_successes, opened_at FROM resilience_circuit WHERE name = %s"
STORE_FAILURE = """
UPDATE resilience_circuit SET window_failures = window_failures + 1, last_error_at = statement_timestamp() WHERE name = %s"""
STORE_NO_FAILURES = "UPDATE resilience_circuit SET window_failures = 0 WHERE name = %s AND window_failures > 0"
STORE_SUCCESS = "UPDATE resilience_circuit SET trial_successes = trial_successes + 1 WHERE name = %s"
STORE_NO_SUCCESSES = "UPDATE resilience_circuit SET trial_successes = 0 WHERE name = %s AND trial_successes > 0"
STORE_OPENED = """
UPDATE resilience_circuit SET opened_at = %(moment)s::timestamptz WHERE name = %(name)s AND (opened_at IS NULL OR opened_at < %(moment)s::timestamptz)"""
STORE_STATE = f"""
WITH moved AS (
    UPDATE resilience_circuit SET state = %(state)s::text, version = version + 1, updated_at = statement_timestamp(),
        open_until = CASE WHEN %(state)s::text = 'open'
            THEN statement_timestamp() + make_interval(secs => coalesce((limits ->> 'open_seconds')::float8, 10)) END,
        trial_expires_at = CASE WHEN %(state)s::text = 'half_open' THEN statement_timestamp() END
    WHERE name = %(name)s AND state = %(was)s::text AND version = %(version)s RETURNING name, version, last_error
)
{_TELL}
SELECT name, version, %(was)s::text, %(state)s::text, last_error, %(owner)s::text, statement_timestamp() FROM moved"""
