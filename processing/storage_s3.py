"""Renditions in a bucket: django-storages' S3, with every call bounded in time and behind the circuit `renditions`.

Names are those of the disk, under RENDITION_PREFIX. One name is only ever given one content (an attempt's folder is its own, a text's name
stands for what it says), so a call whose answer was lost is simply made again.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, TypeVar
from urllib.parse import quote

import boto3
import botocore.session
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import create_loader
from django.conf import settings
from django.core.files import File
from storages.backends.s3 import S3Storage

from processing.content_types import content_type
from processing.delivery_errors import RETRY_AFTER_SECONDS, RenditionsAway
from resilience import bulkheads
from resilience.circuits import circuit

CIRCUIT = "renditions"
CONNECT_SECONDS = 2
READ_SECONDS = 20
TRIES = 3
CONNECTIONS = 16
IN_MEMORY = 4 * 2**20  # of a file that is read; more goes to a temporary file
PIECE = 2**20
BATCH = 1000  # keys of one DeleteObjects
FOR_EVER = "private, max-age=31536000, immutable"  # names are never used twice
_AWAY = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "NoSuchBucket", "SlowDown", "RequestTimeout", "403"})
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})

T = TypeVar("T")

bulkheads.patient(CIRCUIT, seconds=1.0)
_loader = create_loader()  # keeps what it has read of botocore's descriptions
_making = threading.Lock()
_connections: dict[tuple[object, ...], Any] = {}
_local = threading.local()


class OutOfTime(Exception):
    """The time for a call with all its tries is over."""


class RenditionStorage(S3Storage):  # type: ignore[misc] # django-storages is untyped
    """Set as STORAGES["default"] where RENDITION_STORE=s3.

    Raises:
        RenditionsAway, CircuitOpen: S3 cannot be used now. OSError: it refused this one request. FileNotFoundError: no such object.
    """

    def __init__(self, **values: Any) -> None:
        # In the caller's thread: a limit of time is the thread's, and a worker that is stopped leaves no thread that goes on.
        super().__init__(transfer_config=TransferConfig(use_threads=False, multipart_threshold=32 * 2**20, multipart_chunksize=16 * 2**20), **values)

    @property
    def connection(self) -> Any:
        """One for all threads of a process: making one costs a tenth of a second, and only its client, which threads may share, has any state."""
        key = (os.getpid(), settings.S3_ENDPOINT_URL, settings.S3_REGION)
        if key not in _connections:
            with _making:
                if key not in _connections:
                    _connections[key] = _connect()
        return _connections[key]

    @property
    def bucket(self) -> Any:
        return self.connection.Bucket(self.bucket_name)

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        return {"ContentType": content_type(name), "CacheControl": FOR_EVER}

    def exists(self, name: str) -> bool:
        found: bool = guarded(lambda: super(RenditionStorage, self).exists(name))
        return found

    def size(self, name: str) -> int:
        found: int = guarded(lambda: super(RenditionStorage, self).size(name))
        return found

    def delete(self, name: str) -> None:
        guarded(lambda: super(RenditionStorage, self).delete(name))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        found: tuple[list[str], list[str]] = guarded(lambda: super(RenditionStorage, self).listdir(name))
        return found

    def url(self, name: str, parameters: dict[str, Any] | None = None, expire: int | None = None, http_method: str | None = None) -> str:
        """As django-storages' own, in a third of the time: a playlist needs thousands. Asks nobody."""
        client = self.connection.meta.client
        base = f"{client.meta.endpoint_url}/{self.bucket_name}" if settings.S3_ENDPOINT_URL else _own_host(client.meta.endpoint_url, self.bucket_name)
        request = AWSRequest(method=http_method or "GET", url=f"{base}/{quote(self.key(name))}", params=_as_query(parameters or {}))
        credentials = client._request_signer._credentials.get_frozen_credentials()  # what signs its calls
        S3SigV4QueryAuth(credentials, "s3", settings.S3_REGION, expires=expire or self.querystring_expire).add_auth(request)
        return str(request.prepare().url)

    def key(self, name: str) -> str:
        """Return the object's whole name in the bucket."""
        return str(self._normalize_name(name))

    def delete_under(self, prefix: str) -> int:
        """Delete everything whose name begins with `prefix/`; return how many objects. Uploads in pieces go first: none may still become an object."""
        folder = f"{self.key(prefix)}/"
        for upload in guarded(lambda: list(self._pages("list_multipart_uploads", "Uploads", folder))):
            self._ask("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
        found = [{"Key": item["Key"]} for item in guarded(lambda: list(self._pages("list_objects_v2", "Contents", folder)))]
        for start in range(0, len(found), BATCH):
            answer = self._ask("delete_objects", Delete={"Objects": found[start : start + BATCH], "Quiet": True})
            if answer.get("Errors"):
                raise OSError(errno.EIO, f"S3 did not delete: {answer['Errors'][:3]}")
        return len(found)

    def copy_to(self, name: str, target: Any) -> None:
        """Append an object's bytes to an open file.

        Raises:
            FileNotFoundError: there is none.
        """
        start = target.tell()

        def ask() -> None:
            target.seek(start)
            target.truncate()
            with closing(self.connection.meta.client.get_object(Bucket=self.bucket_name, Key=self.key(name))["Body"]) as body:
                for piece in body.iter_chunks(PIECE):  # raises when it ends early
                    target.write(piece)

        guarded(ask)

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode != "rb":
            raise ValueError(f"renditions are only read: {mode!r}")
        spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller's to close
        try:
            self.copy_to(name, spool)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return File(spool, name)

    def _save(self, name: str, content: File[Any]) -> str:
        kept: str = guarded(lambda: super(RenditionStorage, self)._save(name, content))
        return kept

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = guarded(lambda: getattr(self.connection.meta.client, operation)(Bucket=self.bucket_name, **arguments))
        return answer

    def _pages(self, operation: str, found: str, prefix: str) -> Iterator[dict[str, Any]]:
        for page in self.connection.meta.client.get_paginator(operation).paginate(Bucket=self.bucket_name, Prefix=prefix):
            yield from page.get(found, [])


def _own_host(endpoint: str, bucket: str) -> str:
    """`https://s3.eu-west-1.amazonaws.com` is `https://<bucket>.s3.eu-west-1.amazonaws.com` for one bucket, unless dots in its name forbid it."""
    return f"{endpoint}/{bucket}" if "." in bucket else endpoint.replace("://", f"://{bucket}.", 1)


def _as_query(parameters: dict[str, Any]) -> dict[str, Any]:
    """`ResponseContentType` of GetObject is `response-content-type` in an address."""
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower(): value for name, value in parameters.items()}


def guarded(ask: Callable[[], T]) -> T:
    """Do one thing at S3, if its circuit lets it, and say in our words what went wrong. Raises as `RenditionStorage`."""
    try:
        return circuit(CIRCUIT, exclude=(OSError,), timeout=settings.S3_CALL_SECONDS).call(_translated, ask)
    except (BotoCoreError, ClientError, Boto3Error, OutOfTime) as failure:
        raise RenditionsAway(circuit=CIRCUIT, retry_after=RETRY_AFTER_SECONDS, cause=str(failure)[:300]) from failure


def _translated(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except ClientError as failure:
        code = str(failure.response.get("Error", {}).get("Code", ""))
        if code in _GONE:
            raise FileNotFoundError(errno.ENOENT, "no such object") from failure
        if int(failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)) >= 500 or code in _AWAY:
            raise
        raise OSError(errno.EIO, f"S3 refused: {failure}") from failure


def _connect() -> Any:
    core = botocore.session.Session()
    core.register_component("data_loader", _loader)
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.S3_ENDPOINT_URL else "virtual"},  # addresses we hand out name the bucket's own region
    )
    made = boto3.session.Session(botocore_session=core).resource(
        "s3", region_name=settings.S3_REGION, endpoint_url=settings.S3_ENDPOINT_URL or None, config=config
    )
    events = made.meta.client.meta.events
    events.register("before-call.s3", _begin)
    events.register("before-send.s3", _in_time)
    return made


def _begin(**_event: Any) -> None:
    """A large file is many calls: each has its own time."""
    _local.deadline = time.monotonic() + settings.S3_CALL_SECONDS


def _in_time(**_event: Any) -> None:
    """Begin no further try of a call once its time is over."""
    if time.monotonic() > getattr(_local, "deadline", float("inf")):
        raise OutOfTime
