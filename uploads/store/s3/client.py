"""The one way to S3. Everybody who asks S3 anything does it through `call` or `read`; addresses for others to use come from `presign`.

One layer of retries (botocore's standard mode, three tries), short limits on time, and the circuit `s3` in front: while S3 is away,
people hear so at once. Nothing here may be called inside a database transaction; the circuit refuses it.

Use:
    client.call("upload_part", Key=key, UploadId=upload_id, PartNumber=7, Body=data, ContentMD5=client.content_md5(data))
    client.read(key, first=0, count=65536)
    client.presign("upload_part", seconds=900, Key=key, UploadId=upload_id, PartNumber=7)
The bucket is added here.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.loaders import create_loader
from django.conf import settings

from resilience import bulkheads
from resilience.circuits import circuit
from resilience.metrics import histogram
from uploads.errors import StorageAway
from uploads.store.base import StoreMissing
from uploads.threads import give_connection_back

CONNECT_SECONDS = 2
READ_SECONDS = 20
TRIES = 3
RETRY_AFTER_SECONDS = 5
CONNECTIONS = 16

CALL_SECONDS = histogram("holdfast_s3_call_seconds", "Calls of S3 with their tries, whether it did what was asked or not.")

T = TypeVar("T")


class MultipartMissing(Exception):
    """S3 knows no such multipart upload: it was completed or aborted, perhaps by a call of ours whose answer was lost."""


class Refused(Exception):
    """S3 answered, and said no for a reason that lies in the request. `code` is S3's own word."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        super().__init__(f"{code}: {message}")


class OutOfTime(Exception):
    """The time for a call with all its tries is over."""


_local = threading.local()
_clients: dict[tuple[object, ...], Any] = {}
_making = threading.Lock()
_loader = create_loader()  # keeps what it has read of botocore's descriptions; a fork has it too
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_COUNTED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "NoSuchBucket", "SlowDown", "RequestTimeout", "403"})
bulkheads.patient("s3", seconds=1.0)  # under load every thread is at S3 for milliseconds: that is no reason to refuse a part


def call(operation: str, **arguments: Any) -> dict[str, Any]:
    """Make one call, named as boto3 names it, and return its answer.

    Raises:
        StoreMissing: there is no such object. MultipartMissing: no such multipart upload.
        Refused: the request itself is wrong.
        StorageAway, CircuitOpen: S3 cannot be used now (503).
    """

    def ask() -> dict[str, Any]:
        answer: dict[str, Any] = getattr(client(), operation)(Bucket=settings.S3_BUCKET, **arguments)
        return answer

    return _guarded(ask)


def read(key: str, *, first: int, count: int) -> bytes:
    """Return `count` bytes of an object from offset `first`; fewer when it ends before.

    Raises:
        As `call`.
    """
    if count <= 0:
        return b""

    def ask() -> bytes:
        answer = client().get_object(Bucket=settings.S3_BUCKET, Key=key, Range=f"bytes={first}-{first + count - 1}")
        with answer["Body"] as body:
            data: bytes = body.read()
        if len(data) != answer["ContentLength"]:
            raise HTTPClientError(error="the body ended early")
        return data

    try:
        return _guarded(ask)
    except Refused as refused:
        if refused.code in ("InvalidRange", "416"):
            return b""
        raise


def pages(operation: str, found: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Return every item of a listing, page by page.

    Args:
        operation: list_objects_v2, list_multipart_uploads or list_parts.
        found: the field of an answer that holds the items: Contents, Uploads or Parts.
    """
    following = {
        "list_objects_v2": {"NextContinuationToken": "ContinuationToken"},
        "list_multipart_uploads": {"NextKeyMarker": "KeyMarker", "NextUploadIdMarker": "UploadIdMarker"},
        "list_parts": {"NextPartNumberMarker": "PartNumberMarker"},
    }[operation]
    while True:
        answer = call(operation, **arguments)
        yield from answer.get(found, [])
        if not answer.get("IsTruncated"):
            return
        arguments |= {theirs: answer[ours] for ours, theirs in following.items() if answer.get(ours)}


def presign(operation: str, *, seconds: int, **arguments: Any) -> str:
    """Return an address with which anybody can make one call until the time is over. Asks nobody."""
    return str(client().generate_presigned_url(operation, Params={"Bucket": settings.S3_BUCKET, **arguments}, ExpiresIn=seconds))


def bucket() -> str:
    return str(settings.S3_BUCKET)


def content_md5(data: bytes) -> str:
    """Return the Content-MD5 with which S3 checks what arrives."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def client() -> Any:
    """Return this process's client; made at first use, so never before a fork."""
    key = (os.getpid(), settings.S3_ENDPOINT_URL, settings.S3_REGION)
    if key not in _clients:
        with _making:
            if key not in _clients:
                _clients[key] = _make()
    return _clients[key]


def warm_up() -> None:
    """Do now, before processes are forked, what makes the first client slow: read S3's description. Asks nobody and opens nothing.

    A worker that takes the place of a killed one serves its first upload the sooner.
    """
    _session().client("s3", region_name=settings.S3_REGION, aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106 - nobody's


def _session() -> boto3.session.Session:
    core = botocore.session.Session()
    core.register_component("data_loader", _loader)
    return boto3.session.Session(botocore_session=core)


def _make() -> Any:
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation="when_required",  # Content-MD5 is ours; other makers' S3 knows no trailing checksums
        response_checksum_validation="when_required",
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.S3_ENDPOINT_URL else "auto"},
    )
    made = _session().client("s3", region_name=settings.S3_REGION, endpoint_url=settings.S3_ENDPOINT_URL or None, config=config)
    made.meta.events.register("before-send.s3", _in_time)
    return made


def _in_time(**_event: Any) -> None:
    """Begin no further try once the time for all of them is over."""
    if time.monotonic() > getattr(_local, "deadline", float("inf")):
        raise OutOfTime


def _guarded(ask: Callable[[], T]) -> T:
    try:
        longest = settings.S3_CALL_SECONDS
        return circuit("s3", exclude=(StoreMissing, MultipartMissing, Refused), timeout=longest, slow_seconds=longest / 2).call(_translated, ask)
    except (BotoCoreError, ClientError, OutOfTime) as failure:
        raise StorageAway(retry_after=RETRY_AFTER_SECONDS) from failure


def _translated(ask: Callable[[], T]) -> T:
    """Make a call, and say in our words what S3 says about the request; what it says about itself goes on as it is."""
    give_connection_back()  # nobody waits for S3 with one of the database's connections
    _local.deadline = time.monotonic() + settings.S3_CALL_SECONDS
    try:
        with CALL_SECONDS.time():
            return ask()
    except ClientError as failure:
        code = str(failure.response.get("Error", {}).get("Code", ""))
        status = int(failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        if code == "NoSuchUpload":
            raise MultipartMissing from failure
        if code in _MISSING:
            raise StoreMissing from failure
        if status >= 500 or code in _COUNTED:
            raise
        raise Refused(code, str(failure)) from failure
    finally:
        del _local.deadline
