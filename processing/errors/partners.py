"""The sayings of all partners together: what an entry of the catalogue stands for, and what an operator does about one saying."""

from __future__ import annotations

from typing import Any

from resilience.errors import Match

from .said import Said
from .said_by_botocore import BOTOCORE
from .said_by_mediaconvert import MEDIACONVERT

PARTNERS = {each.source: each for each in (MEDIACONVERT, BOTOCORE)}


def said_of(means: str) -> tuple[Match, ...]:
    return tuple(match for each in PARTNERS.values() for match in each.matches(means))


def examples_of(means: str) -> tuple[dict[str, Any], ...]:
    return tuple(example for each in PARTNERS.values() for example in each.examples(means))


def saying(source: str, code: str, message: str) -> Said | None:
    """Return the row of what a partner said; None for words of our own engines, or a code that is new to us."""
    partner = PARTNERS.get(source)
    return partner.row(code, message) if partner else None
