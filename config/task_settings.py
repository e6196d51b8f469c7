"""Settings of durable tasks (config/settings.py takes them all over): who works, how long a lease lasts, what wakes a worker.

Our tables are the truth, django-q2 is the transport (docs/decisions/wake-ups-are-hints.md).
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from config import env


def _prefix(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,40}", name):
        raise env.SettingError("TASK_BROKER_PREFIX", name, "is not made of 40 letters, digits, - and _ at most", "holdfast-")
    return name


# What carries wake-ups: empty is the database itself.
TASK_BROKER_URL = env.url("TASK_BROKER_URL", schemes=("redis", "rediss", "sqs"))
TASK_BROKER_PREFIX = _prefix(env.text("TASK_BROKER_PREFIX", "holdfast-"))
TASK_BROKER_SECONDS = env.number("TASK_BROKER_SECONDS", 1.0, minimum=0.05, maximum=10.0)

TASK_LEASE_SECONDS = env.integer("TASK_LEASE_SECONDS", 30, minimum=2, maximum=3600)
TASK_HEARTBEAT_SECONDS = env.integer("TASK_HEARTBEAT_SECONDS", 10, minimum=1, maximum=1800)
TASK_SWEEP_SECONDS = env.integer("TASK_SWEEP_SECONDS", 10, minimum=1, maximum=600)

# How many days tasks that are over are kept with their runs, and dead letters nobody wanted.
TASK_KEEP_DAYS = env.integer("TASK_KEEP_DAYS", 14, minimum=1, maximum=3650)
TASK_KEEP_DEAD_DAYS = env.integer("TASK_KEEP_DEAD_DAYS", 180, minimum=1, maximum=3650)

# The message each cluster passes through itself, and how long it may be under way before the cluster is replaced.
TASK_CANARY_SECONDS = env.number("TASK_CANARY_SECONDS", 15.0, minimum=0.5, maximum=600.0)
TASK_CANARY_PATIENCE_SECONDS = env.number("TASK_CANARY_PATIENCE_SECONDS", 60.0, minimum=1.0, maximum=3600.0)

# A worker process that has run this many wake-ups, or has ever held this much memory, ends between two tasks, and another takes its place.
WORKER_RECYCLE = env.integer("WORKER_RECYCLE", 500, minimum=1)
WORKER_MAX_MEMORY = env.size("WORKER_MAX_MEMORY", 1 * 2**30)

_DATABASE, _VALKEY, _SQS = (f"resilience.tasks.brokers.{name}" for name in ("database.DatabaseBroker", "valkey.ValkeyBroker", "sqs.SqsBroker"))


def _sqs(address: str) -> dict[str, str]:
    """Turn `sqs://region?endpoint_url=http://host:port` into botocore's arguments.

    Raises:
        SettingError: no region, or an argument that is not ours.
    """
    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query))
    if not parts.hostname or options.keys() - {"endpoint_url"} or parts.path.strip("/"):
        raise env.SettingError("TASK_BROKER_URL", address, "is not sqs://region, with nothing but endpoint_url after it", "sqs://eu-central-1")
    return {"region_name": parts.hostname, **options}


def _broker(address: str) -> dict[str, Any]:
    """Return what django-q2 needs to know about the broker."""
    if not address:
        return {"broker_class": _DATABASE}
    if address.startswith("sqs:"):
        return {"broker_class": _SQS, "sqs": _sqs(address)}
    if find_spec("redis") is None:
        reason = "needs the package redis, which is not installed (requirements/production.txt brings it)"
        raise env.SettingError("TASK_BROKER_URL", _without_password(address), reason, "sqs://eu-central-1")
    if not urlsplit(address).hostname:
        raise env.SettingError("TASK_BROKER_URL", _without_password(address), "names no host", "redis://127.0.0.1:6379/0")
    return {"broker_class": _VALKEY, "redis": address}


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=f"…@{parts.hostname or ''}").geturl() if parts.password else address


def _hands(count: int) -> dict[str, int]:
    """`queue_limit` as `workers`: messages that wait for hands stay where others can take them."""
    return {"workers": count, "queue_limit": count}


Q_CLUSTER = {
    "name": "default",
    "orm": "default",  # its tables' alias, whatever the broker
    **_broker(TASK_BROKER_URL),
    **_hands(env.integer("WORKERS", 2, minimum=1, maximum=64)),
    "bulk": 1,
    "poll": 1.0,  # the database says when there is something (LISTEN): this is for when it could not
    "timeout": 24 * 3600,  # ours are per kind and shorter
    "retry": 4 * 24 * 3600,  # > timeout × (queue_limit / workers + 2); our sweep wakes what is lost
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "catch_up": False,
    "scheduler": False,  # our sweep is the only clock
    "recycle": WORKER_RECYCLE,
    "max_rss": WORKER_MAX_MEMORY // 1024,
    "label": "Transport",
    "ALT_CLUSTERS": {"media": _hands(env.integer("MEDIA_WORKERS", 1, minimum=1, maximum=64))},
}
