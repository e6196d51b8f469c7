"""Settings of the database (config/settings.py takes them over): PostgreSQL only, with an end to every kind of waiting.

The server ends what runs too long (statement, lock, idle in transaction). Where it cannot say so, because it or the line is gone, we do:
connecting, a dead line (keepalives, tcp_user_timeout), and an answer that does not come (`answer_within`, resilience/database/).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config import env

ROLE = env.choice("HOLDFAST_ROLE", "command", ("web", "worker", "command"))
SLOW_QUERY_SECONDS = env.number("SLOW_QUERY_SECONDS", 1.0, minimum=0.001)

_STATEMENT_SECONDS = {"web": 5.0, "worker": 15.0, "command": 60.0}
_ANSWER_GRACE_SECONDS = 3.0  # after the server's own limit: so long its word may take to reach us


def database_url(var_dir: Path, *, production: bool) -> str:
    """Return DATABASE_URL; without one, on a single machine, the address of a private server out of the wheel (config/embedded.py).

    Raises:
        SettingError: production needs one.
    """
    given = env.text("DATABASE_URL")
    if given:
        return given
    if production:
        raise env.SettingError("DATABASE_URL", "", "is missing", "postgresql://user:password@host:5432/holdfast")
    from config.embedded import url_for_this_process

    return url_for_this_process(var_dir)


def databases(url: str) -> dict[str, dict[str, object]]:
    """Return Django's DATABASES for this process's role. What the address itself sets in its query wins."""
    database = env.database(url)
    given = database["OPTIONS"]
    assert isinstance(given, dict)
    statement = env.number("DATABASE_STATEMENT_SECONDS", _STATEMENT_SECONDS[ROLE], minimum=0.1, maximum=3600.0)
    options = _limits(statement) | given
    if ROLE == "web":
        # A connection is lent out alive, or replaced first; who gets none in time is asked to come again (503) instead of queueing.
        seconds = env.number("DATABASE_POOL_SECONDS", 3.0, minimum=0.1, maximum=60.0)
        options["pool"] = {"min_size": 1, "max_size": env.integer("DATABASE_POOL", 16, minimum=1, maximum=500), "timeout": seconds}
    # Workers keep their connection, and look whether it lives before each task.
    keep = 0 if ROLE == "web" else 60
    return {"default": database | {"ENGINE": "resilience.database", "OPTIONS": options, "CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": keep}}


def _limits(statement: float) -> dict[str, Any]:
    lock = env.number("DATABASE_LOCK_SECONDS", 3.0, minimum=0.1, maximum=3600.0)
    idle = env.number("DATABASE_IDLE_SECONDS", 30.0, minimum=1.0, maximum=3600.0)
    server = {"statement_timeout": statement, "lock_timeout": lock, "idle_in_transaction_session_timeout": idle}
    return {
        "connect_timeout": env.integer("DATABASE_CONNECT_SECONDS", 3, minimum=2, maximum=60),  # libpq takes no less than 2
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        "application_name": f"holdfast-{ROLE}",
        "options": " ".join(f"-c {name}={round(seconds * 1000)}" for name, seconds in server.items()),
        "answer_within": statement + _ANSWER_GRACE_SECONDS,
    }
