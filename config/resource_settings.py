"""Settings of what the house does when it gets tight (config/settings.py takes them all over): calls at once, memory, disk, waiting."""

from __future__ import annotations

from config import env


def _limits() -> dict[str, int]:
    """`s3=30,mediaconvert=4` as a dictionary."""
    limits: dict[str, int] = {}
    for item in env.listing("BULKHEAD_LIMITS"):
        name, _, count = item.partition("=")
        if not name.strip() or not count.strip().isdigit() or not int(count):
            raise env.SettingError("BULKHEAD_LIMITS", item, "is not a name, = and a whole number above 0", "s3=30,mediaconvert=4")
        limits[name.strip()] = int(count)
    return limits


# Calls to one dependency at once from one process: two less than there are threads to make them, so that one that hangs leaves some.
BULKHEAD_LIMIT = max(1, env.integer("BULKHEAD_THREADS", 32, minimum=1, maximum=10_000) - 2)
BULKHEAD_LIMITS = _limits()
