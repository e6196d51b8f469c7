"""What keeps us from a file that was fine when it came."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Match

from .common import NEW_FILE, OURS, WE_GO_ON
from .partners import examples_of, said_of


class SourceLost(AppError):
    entry = Entry(
        code="ENCODING_SOURCE_LOST",
        title="We can no longer read your file",
        what_happened="The file you sent is not whole in our storage any more. That is our fault, and we have been told. Sending it again helps at once.",
        actions=(NEW_FILE, ASK_FOR_HELP),
        matches=(Match("engine", code="SOURCE_LOST"), *said_of("ENCODING_SOURCE_LOST")),
        examples=({"source": "engine", "code": "SOURCE_LOST", "message": "has 0 of 1000 bytes"}, *examples_of("ENCODING_SOURCE_LOST")),
        runbook="The stored file is missing or has another size than was acknowledged: check the upload store's disk and mounts before anything else.",
        **OURS | {"category": Category.STORAGE, "severity": "critical"},
    )


class StorageFailed(AppError):
    entry = Entry(
        code="ENCODING_STORAGE_FAILED",
        title="A converter could not reach your file",
        what_happened="Your file is whole, and yet a converter could not read it from our storage. We try again by ourselves.",
        actions=(WE_GO_ON,),
        matches=said_of("ENCODING_STORAGE_FAILED"),
        examples=examples_of("ENCODING_STORAGE_FAILED"),
        runbook="See whether the object is in the bucket the engine reads from, and whether S3 is well in its region.",
        **OURS | {"category": Category.STORAGE, "severity": "warning"},
    )
