"""Settings of uploads (config/settings.py takes them all over): what is let in, how much of it, and for how long."""

from __future__ import annotations

from config import env

UPLOAD_MAX_SIZE = env.size("UPLOAD_MAX_SIZE", 5 * 2**30)
UPLOAD_ACCEPT = env.choice("UPLOAD_ACCEPT", "media", ("media", "*"))
UPLOAD_EXPIRY_SECONDS = env.integer("UPLOAD_EXPIRY_SECONDS", 7 * 24 * 3600, minimum=60)
UPLOAD_READ_TIMEOUT_SECONDS = env.number("UPLOAD_READ_TIMEOUT_SECONDS", 30.0, minimum=1.0)
UPLOAD_CHECKPOINT_BYTES = 16 * 2**20
UPLOAD_CHECKPOINT_SECONDS = 2.0

# Files in tickets: small, any harmless kind, counted apart from videos. 0 means no limit, but for the size.
UPLOAD_ATTACHMENT_MAX_SIZE = env.size("UPLOAD_ATTACHMENT_MAX_SIZE", 25 * 2**20)
UPLOAD_ATTACHMENTS_PER_TICKET = env.integer("UPLOAD_ATTACHMENTS_PER_TICKET", 20)
UPLOAD_ATTACHMENTS_PER_DAY = env.integer("UPLOAD_ATTACHMENTS_PER_DAY", 50)
UPLOAD_ATTACHMENT_QUOTA = env.size("UPLOAD_ATTACHMENT_QUOTA", 2**30)

# How much one person may have, and everybody together. 0 means no limit.
UPLOAD_USER_QUOTA = env.size("UPLOAD_USER_QUOTA", 200 * 2**30)
UPLOAD_USER_DAILY = env.size("UPLOAD_USER_DAILY", 200 * 2**30)
UPLOAD_USER_OPEN = env.integer("UPLOAD_USER_OPEN", 2000)
UPLOAD_ALL_QUOTA = env.size("UPLOAD_ALL_QUOTA", 0)
UPLOAD_ALL_DAILY = env.size("UPLOAD_ALL_DAILY", 0)
UPLOAD_ALL_OPEN = env.integer("UPLOAD_ALL_OPEN", 0)

# Connections: how many of one person in one web process, and what is too slow to be kept waiting for.
UPLOAD_USER_CONNECTIONS = env.integer("UPLOAD_USER_CONNECTIONS", 1000)
UPLOAD_MINIMUM_RATE = env.size("UPLOAD_MINIMUM_RATE", 2**10)
UPLOAD_MINIMUM_RATE_SECONDS = env.number("UPLOAD_MINIMUM_RATE_SECONDS", 30.0, minimum=0.1)
