"""Whether the engine of another region finds a file in its own region's bucket, where replication brings it."""

from __future__ import annotations

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from processing.engines.botocore_failures import failure_of
from processing.engines.mediaconvert import client
from processing.models import Job
from resilience.circuits import CircuitOpen, circuit
from uploads.models import RemoteFile

log = structlog.get_logger(__name__)

READ_SECONDS = 10


def bucket_of(engine: str) -> str:
    """Return the bucket an engine reads copies from; empty where it reads the uploads' own, or none."""
    kind, _, region = engine.partition(":")
    bucket = str(settings.MEDIACONVERT_SOURCE_BUCKETS.get(region, "")) if kind == "mediaconvert" else ""
    return "" if bucket == settings.S3_BUCKET else bucket


def missing(job: Job, engine: str) -> str:
    """Say why an engine would not find a job's file, by one HEAD in its bucket; empty when it would. Not for use inside a transaction."""
    bucket = bucket_of(engine)
    if not bucket:
        return ""
    region = engine.partition(":")[2]
    key = RemoteFile.objects.filter(session=job.source_id).values_list("object_key", flat=True).first()
    if not key:
        return "the file is not put together yet"
    try:
        found = circuit(f"s3.{region}", exclude=(_is_no,), timeout=READ_SECONDS * 4.0).call(_size, region, bucket, key)
    except CircuitOpen:
        return f"the bucket of {region} has not been answering"
    except (BotoCoreError, ClientError) as error:
        failure = failure_of(error)
        log.warning("replica.not_seen", job=job.public_id, engine=engine, code=failure.code, words=failure.message)
        return f"the bucket of {region} has no copy of the file" if _is_no(error) else f"the bucket of {region} did not answer ({failure.code})"
    return "" if found == job.source.committed else f"the copy in {region} has {found} of {job.source.committed} bytes"


def _size(region: str, bucket: str, key: str) -> int:
    made = client.made("s3", region=region, endpoint_url=settings.S3_ENDPOINT_URL, read_seconds=READ_SECONDS)
    return int(made.head_object(Bucket=bucket, Key=key)["ContentLength"])


def _is_no(error: BaseException) -> bool:
    """S3 answered that there is none: that says nothing bad about S3."""
    return isinstance(error, ClientError) and error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (403, 404)
