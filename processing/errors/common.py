"""What the entries of this room share."""

from __future__ import annotations

from typing import Any

from resilience.errors import Category, Fault, Retry, button, link, wait

NEW_FILE = button("Upload a new file", "replace_file")
TRY_AGAIN = button("Try again", "retry")
READ_GUIDE = link("What usually helps", "guide:conversion-failed")
WE_GO_ON = wait("We go on by ourselves")

OF_THE_FILE: dict[str, Any] = {
    "status": 422,
    "category": Category.MEDIA,
    "fault": Fault.USER,
    "retry": Retry.AFTER_CHANGE,
    "severity": "warning",
    "guide": "conversion-failed",
}
OURS: dict[str, Any] = {"status": 503, "category": Category.ENCODER, "fault": Fault.US, "retry": Retry.AUTO, "guide": "conversion-failed"}
