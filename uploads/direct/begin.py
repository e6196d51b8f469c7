"""An upload whose parts S3 takes: its rows. The multipart upload itself is opened with the first address that is asked for."""

from __future__ import annotations

from django.conf import settings

from resilience.faults import point
from resilience.transactions import retried
from uploads.errors import DirectUnavailable
from uploads.models import UploadSession
from uploads.store.s3.models import RemoteFile

from .models import DirectUpload
from .plan import SMALLEST_PART, Plan, plan_for


def require_available() -> None:
    """Raises: DirectUnavailable."""
    if settings.UPLOAD_STORE != "s3":
        raise DirectUnavailable


@retried(joins=True)
def begin_direct(session: UploadSession, *, own_parts: bool = False) -> DirectUpload:
    """Let a session's parts be sent straight to S3. Doing it again changes nothing.

    Args:
        own_parts: the client cuts the file itself, into equal parts; S3's first part says how large they are.
    """
    part_size = 0 if own_parts or not session.length else plan_for(session.length).part_size
    direct, made = DirectUpload.objects.get_or_create(session=session, defaults={"part_size": part_size})
    remote, _ = RemoteFile.objects.get_or_create(session=session, defaults={"part_size": part_size or SMALLEST_PART})
    if made and part_size:
        RemoteFile.objects.filter(pk=remote.pk).update(part_size=part_size)
    point("uploads.direct.begun")
    return direct


def plan_of(session: UploadSession, direct: DirectUpload) -> Plan | None:
    """Return how the file is cut; None where its length or the size of its parts is not known yet."""
    if not session.length or not direct.part_size:
        return None
    return Plan(length=session.length, part_size=direct.part_size)
