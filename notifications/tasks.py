"""What `manage.py recover` runs for this room."""

from __future__ import annotations

from notifications.services.prune import prune_progress
from resilience import recovery

recovery.register("notifications.progress", prune_progress)
