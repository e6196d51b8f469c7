"""One bucket of tokens for all questions the fleet asks MediaConvert besides submitting: RATE a second, BURST at once.

MediaConvert lets an account ask it about twice a second, whoever in the account asks. The bucket is a row; whoever takes from it reads what is
there by the database's clock and writes what is left in the same statement, so that of two who want the last token one gets it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from processing.events.models import CallBudget
from resilience.statements import fetch

NAME = "mediaconvert"
RATE = 1.0  # tokens a second
BURST = 10.0

# PostgreSQL locks the row, then looks at it again: what counts is what the row holds at last, not what it held when we first looked.
_NOW = "least(%s, tokens + %s * greatest(0, extract(epoch FROM clock_timestamp() - filled_at)))"
_TAKE = f"""
UPDATE processing_callbudget SET tokens = {_NOW} - %s, filled_at = greatest(filled_at, clock_timestamp())
 WHERE name = %s AND {_NOW} >= %s RETURNING tokens"""  # noqa: S608 - our own words
_LEFT = f"SELECT {_NOW} FROM processing_callbudget WHERE name = %s"  # noqa: S608 - our own words


def take(count: int = 1, *, name: str = NAME) -> float:
    """Take tokens, all of them or none.

    Returns:
        0 when they were taken; else the seconds until there may be as many.

    Raises:
        ValueError: more than there can ever be.
    """
    if not 0 < count <= BURST:
        raise ValueError(f"{count} tokens are not from 1 to {BURST:.0f}")
    if _take(count, name):
        return 0.0
    if not CallBudget.objects.filter(name=name).exists():
        CallBudget.objects.bulk_create([CallBudget(name=name, tokens=BURST)], ignore_conflicts=True)
        return take(count, name=name)
    return max(0.05, (count - left(name=name)) / RATE)


def take_up_to(most: int, *, name: str = NAME) -> int:
    """Take what is there, `most` at most. Return how many tokens that is."""
    for count in range(min(most, int(BURST), int(left(name=name))), 0, -1):
        if not take(count, name=name):
            return count
    return 0


def wait_for(count: int = 1, *, name: str = NAME, sleep: Callable[[float], None] = time.sleep) -> None:
    """Take tokens, and wait until they are there: for commands and sweeps, which are in no hurry."""
    while seconds := take(count, name=name):
        sleep(seconds)


def left(*, name: str = NAME) -> float:
    """Return how many tokens there are now."""
    rows = fetch(_LEFT, BURST, RATE, name)
    return float(rows[0][0]) if rows else BURST


def _take(count: int, name: str) -> bool:
    return bool(fetch(_TAKE, BURST, RATE, float(count), name, BURST, RATE, float(count)))
