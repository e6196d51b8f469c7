"""What a direct upload asks of S3, in the words of this room. Nothing here is called inside a database transaction, but `sign`."""

from __future__ import annotations

from uploads.models import UploadSession
from uploads.store.s3 import client, names, rows
from uploads.store.s3.client import MultipartMissing
from uploads.store.s3.multipart import open_multipart

from .parts import Part

_PAGE = 1000  # as many as ListParts gives at once

__all__ = ["MultipartMissing", "listed", "multipart_of", "sign"]


def multipart_of(session: UploadSession) -> str:
    """Return the id of a session's multipart upload; it is opened at first use.

    Raises:
        StorageAway: S3 cannot be asked.
    """
    layout = rows.layout_of(session.storage_key)
    return layout.upload_id or open_multipart(layout)


def listed(session: UploadSession, upload_id: str) -> list[Part]:
    """Return every part S3 has, page by page (PartNumberMarker).

    Raises:
        MultipartMissing: completed or aborted. StorageAway: S3 cannot be asked.
    """
    found = client.pages("list_parts", "Parts", Key=names.whole(session.public_id), UploadId=upload_id, MaxParts=_PAGE)
    return [Part(number=item["PartNumber"], size=item["Size"], etag=item["ETag"].strip('"')) for item in found]


def sign(session: UploadSession, upload_id: str, number: int, *, size: int | None, seconds: int, md5: str = "") -> str:
    """Return an address to PUT one part to. Asks nobody.

    Args:
        size: bytes the part must have; it is signed along, so that S3 takes no other. None where the client cuts the file itself.
        seconds: how long a PUT may begin.
        md5: of the part's bytes, base64; signed along as Content-MD5, so that S3 takes no other bytes, now or later.
    """
    bound: dict[str, int | str] = {} if size is None else {"ContentLength": size}
    if md5:
        bound["ContentMD5"] = md5
    return client.presign("upload_part", seconds=seconds, Key=names.whole(session.public_id), UploadId=upload_id, PartNumber=number, **bound)
