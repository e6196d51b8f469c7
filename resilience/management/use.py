"""What operators' commands have in common: the exit code of a wrong use, and that every change has a reason."""

from __future__ import annotations

from django.core.management.base import CommandError

WRONG_USE = 2
SHORTEST_REASON = 3


def require_reason(reason: str) -> None:
    """Raises: CommandError: it says nothing."""
    if len(reason.strip()) < SHORTEST_REASON:
        raise CommandError("Say why with --reason: others will ask.", returncode=WRONG_USE)
