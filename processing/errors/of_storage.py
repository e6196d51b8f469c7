"""What keeps us from a file that was fine when it came."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Match

from .common import NEW_FILE, OURS


class SourceLost(AppError):
    entry = Entry(
        code="ENCODING_SOURCE_LOST",
        title="We can no longer read your file",
        what_happened="The file you sent is not whole in our storage any more. That is our fault, and we have been told. Sending it again helps at once.",
        actions=(NEW_FILE, ASK_FOR_HELP),
        matches=(Match("engine", code="SOURCE_LOST"),),
        examples=({"source": "engine", "code": "SOURCE_LOST", "message": "has 0 of 1000 bytes"},),
        runbook="The stored file is missing or has another size than was acknowledged: check the upload store's disk and mounts before anything else.",
        **OURS | {"category": Category.STORAGE, "severity": "critical"},
    )
