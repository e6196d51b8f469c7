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

# Shares of a disk that are free: below the first new uploads wait, below the second conversions too, and whatever frees room runs at once.
DISK_LOW_SHARE = env.number("DISK_LOW_PERCENT", 10.0, maximum=100.0) / 100
DISK_FULL_SHARE = env.number("DISK_FULL_PERCENT", 5.0, maximum=100.0) / 100

# Seconds a request may wait for a connection to the database before new uploads wait, so that those that began go on.
POOL_SHED_SECONDS = env.number("POOL_SHED_SECONDS", 1.0, minimum=0.01, maximum=60.0)

# What one process may use (0: a quarter of the machine's or container's, 512 MiB at least), and the shares of it from where on a process is replaced
# and new uploads wait.
MEMORY_LIMIT = env.size("MEMORY_LIMIT", 0)
MEMORY_RECYCLE_SHARE = env.number("MEMORY_RECYCLE_PERCENT", 80.0, minimum=1.0, maximum=100.0) / 100
MEMORY_SHED_SHARE = env.number("MEMORY_SHED_PERCENT", 95.0, minimum=1.0, maximum=1000.0) / 100
MONITOR_SECONDS = env.number("MONITOR_SECONDS", 30.0, minimum=0.1, maximum=3600.0)
