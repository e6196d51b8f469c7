"""Telling the server what was written while it was away. Each entry is decided by one script there, so that nothing comes in between."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .journal import Kind, Waiting

BATCH = 100
MARK_MS = 600_000  # that a count was taken is remembered so long: an answer that was lost makes it come again

# Newest wins. When a value was written the server does not say, but when it ends: of two values given the same time to live, the one that ends
# later was written later. Where one of the two never ends, ours wins if nobody has touched the server's since.
SCRIPT = """
local key, mark = KEYS[1], KEYS[2]
local kind, value, delta, life, age = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local there = redis.call('PTTL', key)
local function put()
  if life < 0 then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', life) end
  return 'pushed'
end
if kind == 'delete' then redis.call('DEL', key) return 'pushed' end
if kind == 'count' then
  if not redis.call('SET', mark, 1, 'NX', 'PX', tonumber(ARGV[6])) then return 'again' end
  if there == -2 then return put() end
  local counted = redis.pcall('INCRBY', key, delta)
  return type(counted) == 'table' and 'older' or 'pushed'
end
if kind == 'touch' then
  if there == -2 then return 'older' end
  if life < 0 then redis.call('PERSIST', key) else redis.call('PEXPIRE', key, life) end
  return 'pushed'
end
if there == -2 then return put() end
if kind == 'add' then return 'older' end
if there >= 0 and life >= 0 then
  if there >= life then return 'older' end
  return put()
end
local idle = redis.pcall('OBJECT', 'IDLETIME', key)
if type(idle) == 'number' and idle >= age then return put() end
return 'older'
"""


def push(client: Any, entries: Sequence[Waiting], *, sender: str) -> Counter[str]:
    """Tell the server of some entries, in two round trips.

    Args:
        sender: whose numbers the entries have; unique in the fleet.

    Returns:
        How many were `pushed`, were `older` than what the server has, were known to it `again`, or had `ended`.

    Raises:
        redis.RedisError, OSError: nobody knows how many of them it has. Doing it again is safe.
    """
    now = time.monotonic()
    alive = [entry for entry in entries if entry.kind is Kind.DELETE or entry.ends is None or entry.ends > now]
    answers = Counter({"ended": len(entries) - len(alive)})
    if alive:
        pipeline = client.pipeline(transaction=False)
        sha = client.script_load(SCRIPT)
        for entry in alive:
            pipeline.evalsha(sha, 2, entry.key, f"{entry.key}:counted:{sender}:{entry.number}", *_arguments(entry, now))
        answers.update(answer.decode() for answer in pipeline.execute())
    return answers


def _arguments(entry: Waiting, now: float) -> tuple[Any, ...]:
    life = -1 if entry.ends is None else max(1, math.ceil((entry.ends - now) * 1000))
    value = "" if entry.value is None else entry.value
    return entry.kind.value, value, entry.delta, life, math.ceil(now - entry.at), MARK_MS
