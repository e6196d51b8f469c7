"""One small file through everything an upload asks of the bucket, for `manage.py doctor`."""

from __future__ import annotations

import contextlib
import time
import uuid

from django.conf import settings

from resilience.doctor import Finding, failed, ok, warning
from resilience.errors import AppError
from uploads.store.base import StoreMissing

from . import client, names
from .client import MultipartMissing, Refused
from .rows import Part
from .sums import joined_etag, md5_of

_DATA = b"holdfast"
_MEND = "Check S3_BUCKET, S3_REGION, S3_ENDPOINT_URL and the keys; they must allow to put, get, list and delete objects, and to list and abort multiparts."
_NO_SUMS = (
    "Uploads work. If you did not choose encryption with keys of KMS or of your own, ask the storage's maker: damage at S3 is then found by SHA-256 only."
)


def trial() -> Finding:
    """Open a multipart upload, send a part, list it, complete, read, delete. What a crash leaves of it, the reaper finds as nobody's."""
    name, started = names.whole(f"doctor_{uuid.uuid4().hex}"), time.monotonic()
    where = f"{settings.S3_BUCKET} at {settings.S3_ENDPOINT_URL or 'Amazon'}"
    try:
        etag, expected = _through(name)
        data = client.read(name, first=0, count=100)
        client.call("delete_object", Key=name)
    except (AppError, Refused, StoreMissing, MultipartMissing) as failure:
        told = failure.__cause__ or failure
        return failed(f"The bucket {where} cannot be used: {type(told).__name__}: {' '.join(str(told).split())[:200]}", _MEND)
    if data != _DATA:
        return failed(f"The bucket {where} gives back other bytes than it was given.", "Do not keep uploads there.")
    said = f"The bucket {where} takes parts and gives them back, in {time.monotonic() - started:.1f} s"
    return ok(f"{said}; its ETags are sums of the bytes.") if etag == expected else warning(f"{said}; its ETags are no sums of the bytes.", _NO_SUMS)


def _through(name: str) -> tuple[str, str]:
    """Return the ETag of the object made, and the one it has where ETags are sums."""
    upload_id = client.call("create_multipart_upload", Key=name)["UploadId"]
    where = {"Key": name, "UploadId": upload_id}
    try:
        client.call("upload_part", **where, PartNumber=1, Body=_DATA, ContentMD5=client.content_md5(_DATA))
        parts = [{"PartNumber": item["PartNumber"], "ETag": item["ETag"]} for item in client.pages("list_parts", "Parts", **where)]
        client.call("complete_multipart_upload", **where, MultipartUpload={"Parts": parts})
    except BaseException:
        with contextlib.suppress(AppError, Refused, MultipartMissing):
            client.call("abort_multipart_upload", **where)
        raise
    etag = str(client.call("head_object", Key=name)["ETag"]).strip('"')
    return etag, joined_etag([Part(number=1, offset=0, size=len(_DATA), etag=md5_of(_DATA))])
