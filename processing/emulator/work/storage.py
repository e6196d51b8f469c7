"""The inputs and outputs of jobs in S3, by boto3; S3's refusals in the words of the service."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..state import Options
from . import codes
from .codes import JobError
from .names import split

CHUNK = 1 << 20
SMALL = 8 << 20  # bytes; larger files go in parts
_CONFIG: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 60,
    "max_pool_connections": 32,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    # Thousands of small files: what each call costs is what `fast` can do.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
    "parameter_validation": False,
}
_clients: dict[tuple[str, str, str], Any] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there. `version` stands for its content."""

    size: int
    version: str
    modified: float
    content_type: str


def client(service: str, options: Options, *, region: str = "us-east-1") -> Any:
    """Return the one client of a service, endpoint and region; safe for threads. Keys come from the environment, as AWS's tools take them."""
    endpoint = options.s3_endpoint if service == "s3" else options.sqs_endpoint
    name = (service, endpoint, region)
    with _lock:
        if name not in _clients:
            style = {"s3": {"addressing_style": "path"}} if endpoint and service == "s3" else {}
            session = boto3.session.Session()
            made = session.client(service, endpoint_url=endpoint or None, region_name=region, config=Config(**_CONFIG, **style))
            made.meta.events.register_last("before-call.s3.PutObject", _at_once)
            _clients[name] = made
        return _clients[name]


def _at_once(params: dict[str, Any], **_event: Any) -> None:
    """Send a body with its request; asking first (`Expect: 100-continue`) is another way there and back for each small file."""
    params["headers"].pop("Expect", None)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


class SlowDown(Exception):
    """S3 asks to be written to more slowly (503)."""


@contextmanager
def _failing(told: Callable[[str, str], JobError], url: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise told(url, code_of(error)) from error
    except (BotoCoreError, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise JobError(1507) from error
        raise told(url, type(error).__name__) from error


def head(s3: Any, url: str) -> Found:
    """Return what S3 knows of an input.

    Raises:
        JobError: 1404 it is not there, 1401 access is denied, 3450 S3 does not answer, 3456 it is not in S3.
    """
    bucket, key = _split(url)
    with _failing(codes.read_failure, url):
        answer = s3.head_object(Bucket=bucket, Key=key)
    return Found(answer["ContentLength"], answer["ETag"].strip('"'), answer["LastModified"].timestamp(), answer.get("ContentType", ""))


def download(s3: Any, url: str, target: Path, check: Callable[[], None]) -> None:
    """Write an input to our disk. Raises as `head`, and what `check` raises."""
    bucket, key = _split(url)
    with _failing(codes.read_failure, url), target.open("wb") as file:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        try:
            for chunk in body.iter_chunks(CHUNK):
                check()
                file.write(chunk)
        finally:
            body.close()


def put(s3: Any, bucket: str, key: str, body: bytes | Path, *, content_type: str, acl: str = "") -> None:
    """Write one output.

    Raises:
        JobError: 1517 S3 did not take it (no such bucket, no answer), 1401 access is denied. SlowDown: not yet.
    """
    headers = {"ContentType": content_type} | ({"ACL": acl} if acl else {})
    with _failing(codes.write_failure, f"s3://{bucket}/{key}"):
        try:
            if isinstance(body, bytes) or body.stat().st_size < SMALL:
                s3.put_object(Bucket=bucket, Key=key, Body=body if isinstance(body, bytes) else body.read_bytes(), **headers)
            else:
                s3.upload_file(str(body), bucket, key, ExtraArgs=headers)
        except (ClientError, S3UploadFailedError) as error:
            _raise_code(error)


def _raise_code(error: Exception) -> None:
    """Raise a client's error as such: the uploader for large files hides it in its own."""
    inner = error if isinstance(error, ClientError) else error.__context__
    if not isinstance(inner, ClientError):
        raise OSError(str(error)) from error
    if code_of(inner) in ("SlowDown", "503"):
        raise SlowDown from inner
    raise inner


def _split(url: str) -> tuple[str, str]:
    try:
        bucket, key = split(url)
    except ValueError:
        raise JobError(3456, f"Only s3:// inputs are supported by the emulator: {url}") from None
    if not key:
        raise codes.read_failure(url, "NoSuchKey")
    return bucket, key
