"""Wake-ups through our own database: a row in django-q2's table, and NOTIFY, so that nobody has to poll."""

from __future__ import annotations

import time
from typing import Any

from django.db import Error as DatabaseFault
from django.db import connection
from django_q.brokers.orm import ORM
from django_q.conf import Conf

from resilience.statements import fetch

from .base import ENOUGH_WAITING, Calm, Message
from .counted import SENT

CHANNEL = "holdfast_wake_"
STALE_SECONDS = 3600

# Without waiting for the disk, as a wake-up may be lost. None is added while enough wait: whoever takes one of them looks at the tables after
# this moment, and sees what this one would have been about.
_WAKE = """
WITH said AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
     before AS (SELECT count(*) AS count FROM (SELECT FROM django_q_ormq WHERE key = %s AND lock < statement_timestamp() LIMIT %s) AS waiting),
     made AS (INSERT INTO django_q_ormq (key, payload, lock)
              SELECT %s, %s, statement_timestamp() FROM said, before, generate_series(1, least(%s, %s - before.count)) RETURNING 1)
SELECT pg_notify(%s, '') FROM (SELECT FROM made LIMIT 1) AS something
"""
# A message taken is locked until `retry` seconds later, as django-q2 does it. Of two who take at once, each gets another.
_TAKE = """
WITH said AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
     first AS (SELECT id FROM django_q_ormq, said WHERE key = %s AND lock < statement_timestamp() ORDER BY id LIMIT 1 FOR UPDATE OF django_q_ormq SKIP LOCKED)
UPDATE django_q_ormq AS message SET lock = statement_timestamp() + %s * interval '1 second' FROM first WHERE message.id = first.id
RETURNING message.id, message.payload
"""
_CONFIRM = """
WITH said AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
DELETE FROM django_q_ormq USING said WHERE id = %s
"""
_COUNT = "SELECT count(*) FROM django_q_ormq WHERE key = %s AND lock < statement_timestamp()"
_AGE = "SELECT coalesce(extract(epoch FROM statement_timestamp() - min(lock)), 0)::float FROM django_q_ormq WHERE key = %s AND lock < statement_timestamp()"
_STALE = "FROM django_q_ormq WHERE lock > statement_timestamp() AND lock < statement_timestamp() + %s * interval '1 second'"


class DatabaseBroker(Calm, ORM):  # type: ignore[misc]
    """django-q2's table, with statements of our own. Inside a transaction, a wake-up is sent with its commit."""

    _heard_on: Any = None  # the connection that LISTENs

    @staticmethod
    def get_connection(list_key: str | None = None) -> None:
        """Django's own connection is used, and looked after by whoever runs us."""

    def wake(self, count: int = 1) -> None:
        key = self.list_key
        fetch(_WAKE, key, ENOUGH_WAITING, key, self.wake_up, count, ENOUGH_WAITING, f"{CHANNEL}{key}")
        SENT.inc(count)

    def take(self) -> list[Message]:
        try:
            return self._first() or self._first_after_a_while()
        except DatabaseFault:
            connection.close()
            raise

    def _first(self) -> list[Message]:
        return [(row[0], row[1]) for row in fetch(_TAKE, self.list_key, Conf.RETRY)]

    def _first_after_a_while(self) -> list[Message]:
        """Wait until somebody notifies, a poll's time at most. Listening begins before the last look, so that nothing falls in between."""
        connection.ensure_connection()
        if self._heard_on is not connection.connection:
            fetch(f'LISTEN "{CHANNEL}{self.list_key}"')
            self._heard_on = connection.connection
            return self._first()
        with connection.wrap_database_errors:
            for _notice in self._heard_on.notifies(timeout=Conf.POLL, stop_after=1):
                pass
        return self._first()

    def confirm(self, handle: Any) -> None:
        try:
            fetch(_CONFIRM, handle)
        except DatabaseFault:
            connection.close()
            raise

    def waiting(self) -> int:
        return int(fetch(_COUNT, self.list_key)[0][0])

    def oldest_age(self) -> float:
        return float(fetch(_AGE, self.list_key)[0][0])

    def drop_stale(self, *, dry_run: bool) -> int:
        taken_before = Conf.RETRY - STALE_SECONDS
        if dry_run:
            return int(fetch(f"SELECT count(*) {_STALE}", taken_before)[0][0])
        return len(fetch(f"DELETE {_STALE} RETURNING 1", taken_before))

    def _without_broker(self, fault: BaseException) -> list[Message] | None:
        """Without the database there is nothing to do either."""
        time.sleep(1.0)
        return None
