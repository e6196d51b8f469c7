"""A multipart upload and its parts, as they are sent: by an append, and by putting a file together."""

from __future__ import annotations

import structlog

from resilience.errors import AppError
from resilience.faults import point

from . import client, names, rows
from .client import MultipartMissing, Refused
from .rows import Layout, Part
from .sums import md5_of

log = structlog.get_logger(__name__)


def open_multipart(layout: Layout, *, instead_of: str = "") -> str:
    """Begin a multipart upload and write it down; of two that began one, the first to write counts and the other gives its own up."""
    key = names.whole(layout.key)
    mine = str(client.call("create_multipart_upload", Key=key, ContentType="application/octet-stream")["UploadId"])
    point("uploads.s3.multipart_begun")
    counts = rows.adopt_multipart(layout.session_id, mine, instead_of=instead_of)
    point("uploads.s3.multipart_named")
    if counts != mine:
        try:
            client.call("abort_multipart_upload", Key=key, UploadId=mine)
        except (AppError, MultipartMissing, Refused) as failure:  # the reaper finds it
            log.info("upload.multipart_left", upload=layout.key, reason=type(failure).__name__)
    return counts


def send_part(layout: Layout, upload_id: str, *, number: int, offset: int, data: bytes) -> Part:
    """Send one part under a number that is ours alone."""
    answer = client.call("upload_part", Key=names.whole(layout.key), UploadId=upload_id, PartNumber=number, Body=data, ContentMD5=client.content_md5(data))
    return Part(number=number, offset=offset, size=len(data), etag=str(answer["ETag"]).strip('"'), md5=md5_of(data))
