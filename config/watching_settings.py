"""Settings of watching (config/settings.py takes them all over): where processes count, and who may look."""

from __future__ import annotations

from config import env

METRICS_TOKEN = env.text("METRICS_TOKEN")
METRICS_NETWORKS = env.listing("METRICS_NETWORKS", ["127.0.0.0/8", "::1/128"])
