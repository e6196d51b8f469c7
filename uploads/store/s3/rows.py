"""The rows behind a file in S3: read for an append or for putting it together, numbers reserved, what was placed written with the offset."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from uploads.errors import PartsUsedUp
from uploads.store.base import StoreMissing

from . import numbers
from .models import RemoteFile, UploadPart

_RESERVE = "UPDATE uploads_remotefile SET next_part = next_part + 1 WHERE session_id = %s AND next_part <= %s RETURNING next_part - 1"


@dataclass(frozen=True, slots=True)
class Part:
    """A part S3 acknowledged. Offset and size in bytes."""

    number: int
    offset: int
    size: int
    etag: str
    md5: str = ""

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Tail:
    """The object with the bytes behind the last part; no key when there are none."""

    key: str = ""
    size: int = 0
    md5: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a file's bytes are. `last` is the last part that counts; `size` in bytes, of all that counts; `length` of the whole file, or of
    the largest there may be."""

    session_id: int
    key: str
    part_size: int
    upload_id: str
    last: Part | None
    tail: Tail
    object_key: str
    committed: int
    length: int
    next_part: int

    @property
    def parts_end(self) -> int:
        return self.last.end if self.last else 0

    @property
    def size(self) -> int:
        return self.committed if self.object_key else self.parts_end + self.tail.size


def part_size_for(length: int | None) -> int:
    """Return the bytes of each part: the setting's, or more for a file that would need more than 9,000 of those."""
    return numbers.part_size_for(settings.UPLOAD_MAX_SIZE if length is None else length, least=settings.S3_PART_SIZE)


def layout_of(key: str) -> Layout:
    """Return where the bytes stored under a key are; the row is made at first use.

    Raises:
        StoreMissing: no upload has this key.
    """
    from uploads.models import UploadSession  # imports our models

    session = UploadSession.objects.filter(storage_key=key).values("pk", "length").first()
    if session is None:
        raise StoreMissing
    remote, _made = RemoteFile.objects.select_related("session").get_or_create(
        session_id=session["pk"], defaults={"part_size": part_size_for(session["length"])}
    )
    last = UploadPart.objects.filter(session_id=session["pk"]).order_by("-number").first()
    return Layout(
        session_id=session["pk"],
        key=key,
        part_size=remote.part_size,
        upload_id=remote.upload_id,
        last=_part(last) if last else None,
        tail=Tail(remote.tail_key, remote.tail_size, remote.tail_md5),
        object_key=remote.object_key,
        committed=remote.session.committed,
        length=settings.UPLOAD_MAX_SIZE if session["length"] is None else session["length"],
        next_part=remote.next_part,
    )


def parts_of(session_id: int) -> list[Part]:
    return [_part(row) for row in UploadPart.objects.filter(session_id=session_id).order_by("number")]


def is_held(key: str) -> bool:
    """True while a writer's lease runs; one that was killed keeps it until it is over, or until it is fenced."""
    from uploads.models import UploadSession

    return UploadSession.objects.filter(storage_key=key, lease_expires_at__gt=Now()).exclude(lease_owner="").exists()


def end_lease(key: str) -> bool:
    """Fence whoever writes. Return True when nobody does any more."""
    fence_writer(key)
    return not is_held(key)


def fence_writer(key: str) -> None:
    """Take the right to commit away from whoever may have it."""
    from uploads.models import SessionState, UploadSession

    UploadSession.objects.filter(storage_key=key, state=SessionState.RECEIVING).update(epoch=F("epoch") + 1, lease_owner="", lease_expires_at=None)


def reserve(session_id: int) -> int:
    """Return a part number that nobody else has or ever gets.

    Raises:
        PartsUsedUp: there is none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, [session_id, numbers.LAST_NUMBER])
        row = cursor.fetchone()
    if row is None:
        raise PartsUsedUp
    return int(row[0])


def give_back(session_id: int, number: int) -> None:
    """Nothing was sent under this number: the next writer may have it, unless a higher one is taken already."""
    RemoteFile.objects.filter(session_id=session_id, next_part=number + 1).update(next_part=number)


def adopt_multipart(session_id: int, upload_id: str, *, instead_of: str = "") -> str:
    """Write a new multipart upload down, unless somebody was first. Return the one that counts."""
    RemoteFile.objects.filter(session_id=session_id, upload_id=instead_of).update(upload_id=upload_id, updated_at=Now())
    return RemoteFile.objects.values_list("upload_id", flat=True).get(session_id=session_id)


def mark_whole(session_id: int, object_key: str) -> None:
    """Write down that one object holds everything now. Doing it again changes nothing."""
    RemoteFile.objects.filter(session_id=session_id, object_key="").update(object_key=object_key, tail_key="", tail_size=0, tail_md5="", updated_at=Now())


def in_use(keys: set[str]) -> dict[str, tuple[str, str, str]]:
    """Return tail key, object key and multipart upload by storage key, of those that have any."""
    found = RemoteFile.objects.filter(session__storage_key__in=keys)
    return {row[0]: (row[1], row[2], row[3]) for row in found.values_list("session__storage_key", "tail_key", "object_key", "upload_id")}


def write_placed(session_id: int, parts: tuple[Part, ...], tail: Tail) -> None:
    """Count new parts and another tail, inside the transaction that moves the offset."""
    UploadPart.objects.bulk_create(
        UploadPart(session_id=session_id, number=part.number, offset=part.offset, size=part.size, etag=part.etag, md5=part.md5) for part in parts
    )
    RemoteFile.objects.filter(session_id=session_id).update(tail_key=tail.key, tail_size=tail.size, tail_md5=tail.md5, updated_at=Now())


def _part(row: UploadPart) -> Part:
    return Part(number=row.number, offset=row.offset, size=row.size, etag=row.etag, md5=row.md5)
