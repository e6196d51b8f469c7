"""What `manage.py recover` runs: every reaper of every room, now, lowest room first. One that fails keeps no other from running."""

from __future__ import annotations

from resilience import reapers, reaping
from resilience.reaping import Part

__all__ = ["Part", "run_all"]


def run_all(*, dry_run: bool = False) -> list[Part]:
    """Run every reaper, due or not, or with `dry_run` only look, and say how each went. What one raises is logged and reported."""
    return [reaping.look(kind) if dry_run else reaping.run_now(kind) for kind in reapers.all_reapers()]
