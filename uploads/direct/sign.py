"""Addresses for parts: a few at a time, on demand, for a short while. An address prepared for the whole file is over before a pause is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest, Now

from resilience.transactions import retried
from uploads.admission import human_size
from uploads.errors import DirectClosed, PartImpossible, TooLarge, UploadComplete
from uploads.models import SessionState, UploadSession
from uploads.services.ended import why_ended
from uploads.store.s3.models import RemoteFile

from . import bucket
from .begin import plan_of
from .models import DirectUpload
from .plan import S3_MOST_PARTS, S3_SMALLEST_PART

SECONDS = 900
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Address:
    """PUT the part's bytes to `url`. `size` in bytes; None where the client cuts the file itself."""

    number: int
    url: str
    size: int | None


def sign_parts(session: UploadSession, numbers: Sequence[int], *, md5: str = "") -> list[Address]:
    """Return an address for each of these parts.

    The numbers are reserved first, under the row's lock: what the server itself sends later goes under higher ones, so that an address
    still about can never overwrite bytes that came through the server.

    Args:
        md5: of the one part there is an address asked for, base64: with it, S3 takes these bytes and no others.

    Raises:
        The errors of `why_ended`, UploadComplete: there is nothing left to send.
        DirectClosed: the server writes this upload's parts now. StorageAway: S3 cannot be asked.
        PartImpossible, TooLarge: the file has, or may have, no such part.
    """
    require_receiving(session)
    direct = DirectUpload.objects.filter(session=session, closed_at=None).first()
    if direct is None:
        raise DirectClosed
    sizes = [_size_of(session, direct, number) for number in numbers]
    upload_id = bucket.multipart_of(session)
    _reserve(session, highest=max(numbers))
    return [
        Address(number=number, url=bucket.sign(session, upload_id, number, size=size, seconds=SECONDS, md5=md5), size=size)
        for number, size in zip(numbers, sizes, strict=True)
    ]


def require_receiving(session: UploadSession) -> None:
    """Raises: the errors of `why_ended`, UploadComplete."""
    over = UploadSession.objects.filter(pk=session.pk, expires_at__lte=Now()).exists()
    ended = why_ended(session, expired=over)
    if ended is not None:
        raise ended
    if session.state != SessionState.RECEIVING:
        raise UploadComplete


def _size_of(session: UploadSession, direct: DirectUpload, number: int) -> int | None:
    """Return how large a part must be, if that is known; refuse one the file cannot have."""
    plan = plan_of(session, direct)
    if plan is None:
        _require_possible(session, direct, number)
        return None
    if not 1 <= number <= plan.parts:
        raise PartImpossible(number=number, parts=plan.parts)
    return plan.size_of(number)


def _require_possible(session: UploadSession, direct: DirectUpload, number: int) -> None:
    """The client cuts the file itself: all we know is that every part before this one has at least what S3 joins, and how large a file may be."""
    before = (number - 1) * (direct.part_size or S3_SMALLEST_PART)
    if session.length is not None and before >= session.length:
        raise PartImpossible(number=number, parts=-(-session.length // (direct.part_size or S3_SMALLEST_PART)))
    if not 1 <= number <= S3_MOST_PARTS:
        raise PartImpossible(number=number, parts=S3_MOST_PARTS)
    limit = settings.UPLOAD_MAX_SIZE
    if before >= limit:
        raise TooLarge(size=before, limit=limit, size_text=human_size(before), limit_text=human_size(limit))


@retried(joins=True)
def _reserve(session: UploadSession, *, highest: int) -> None:
    """Reserve part numbers, and let the upload live on: somebody is about to send a part of it."""
    if not DirectUpload.objects.select_for_update().filter(session=session, closed_at=None).exists():
        raise DirectClosed
    RemoteFile.objects.filter(session=session).update(next_part=Greatest(F("next_part"), highest + 1), updated_at=Now())
    life = timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS)
    UploadSession.objects.filter(pk=session.pk, state=SessionState.RECEIVING).update(expires_at=Now() + life, updated_at=Now())
