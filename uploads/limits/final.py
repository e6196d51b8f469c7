"""The quota once more when a file is complete: its limit may have been lowered, or its length was not announced at the start."""

from __future__ import annotations

from django.conf import settings

from uploads.errors.limits import QuotaReached
from uploads.models import UploadSession

from .reserve import hold_alone, sizes
from .usage import accepted_bytes


def require_kept(session: UploadSession) -> None:
    """Make sure that a file just accepted fits beside those its owner has, inside the transaction that accepted it.

    Only accepted files are counted: of two that arrived whole and do not both fit, the first one stays.

    Raises:
        QuotaReached: it does not fit.
    """
    limit = settings.UPLOAD_USER_QUOTA
    if not limit:
        return
    hold_alone(session.owner_id)
    used = accepted_bytes(session.owner_id)  # with this one
    if used > limit:
        raise QuotaReached(**sizes(session.committed, used - session.committed, limit))
