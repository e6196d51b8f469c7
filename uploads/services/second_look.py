"""Look once more at a file that was accepted, when somebody says that it cannot be read. Changes nothing."""

from __future__ import annotations

from django.conf import settings

from resilience.errors import AppError
from uploads.inspection.probe import probe
from uploads.inspection.verdict import refusal_of_probe
from uploads.models import UploadSession
from uploads.selectors import source_file
from uploads.services.inspect import refusal_by_reading
from uploads.store import StoreMissing, store


def look_again(session: UploadSession) -> AppError | None:
    """Return what is wrong with a file, in the words of its inspection; None when it is whole and opens.

    1. Is it there, with every byte (in S3: a HEAD)? 2. Do its first bytes and its boxes hold (ranged reads)? 3. Does it open, and does a
    picture near its end decode (a probe in a child, on this host)?

    Raises:
        StoreMissing: it is not there, or not all of it. StorageAway, CircuitOpen: its store cannot be asked now.
        ProbeKilled: the probe was cut off. OSError: this host has no room for a copy, or a broken disk.
    """
    if store().size(session.storage_key) != session.committed:
        raise StoreMissing
    error = refusal_by_reading(session)
    if error is not None:
        return error
    with source_file(session) as path:
        return refusal_of_probe(probe(path), longest=settings.MAX_DURATION_SECONDS)
