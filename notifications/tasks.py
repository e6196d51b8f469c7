"""The reapers of this room."""

from __future__ import annotations

from notifications.services.prune import prune_progress
from resilience.reapers import reaper

reaper("notifications.progress", about="Drops what live streams told of progress hours ago.")(prune_progress)
