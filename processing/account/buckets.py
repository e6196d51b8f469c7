"""The buckets of uploads and renditions: where they are, who sees them, what pages may do, and what is cleared up by itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from django.conf import settings

from resilience.doctor import Finding, failed, ok, warning

from .asking import client, code_of, looked

_DAY = 86_400
_TRIAL = b"holdfast"


@dataclass(frozen=True, slots=True)
class Bucket:
    """`setting`: where its name comes from. `methods`, `headers`, `exposed`: what our pages need of its CORS rules."""

    label: str
    name: str
    setting: str
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]


def ours() -> Iterator[Bucket]:
    if settings.UPLOAD_STORE == "s3":
        yield Bucket("Uploads", settings.S3_BUCKET, "S3_BUCKET", ("PUT",), ("content-type", "content-md5"), ("ETag",))
    if settings.RENDITION_STORE == "s3":
        yield Bucket("Renditions", settings.RENDITION_BUCKET, "RENDITION_BUCKET", ("GET", "HEAD"), ("range",), ("Content-Range",))


def _s3(region: str = "") -> Any:
    return client("s3", region or settings.S3_REGION)


@looked("Set S3_BUCKET and RENDITION_BUCKET to the stack's outputs.")
def region(bucket: Bucket) -> Finding:
    where = region_of(bucket.name)
    if where and where != settings.S3_REGION:
        return failed(f"{bucket.name} is in {where}, S3_REGION is {settings.S3_REGION}: every call takes the long way.", f"Set S3_REGION={where}.")
    return ok(f"{bucket.name} is in {where or settings.S3_REGION}.")


def region_of(name: str, *, asked_in: str = "") -> str:
    """Return the region a bucket is in; empty where a maker does not say."""
    return str(_s3(asked_in).head_bucket(Bucket=name).get("BucketRegion", ""))


@looked()
def closed(bucket: Bucket) -> Finding:
    mend = f"Block public access of {bucket.name}, as deploy/aws/holdfast.yaml does: people get at files through us, or by addresses that expire."
    try:
        block = _s3().get_public_access_block(Bucket=bucket.name)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if code_of(error) != "NoSuchPublicAccessBlockConfiguration":
            raise
        return warning("Public access is not blocked.", mend)
    open_for = [name for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets") if not block.get(name)]
    return warning(f"Public access is not wholly blocked: {', '.join(open_for)} is off.", mend) if open_for else ok("Closed to the public.")


@looked()
def cors(bucket: Bucket) -> Finding:
    """Our pages may do there what they do there."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(settings.BASE_URL))
    asked = f"{' and '.join(bucket.methods)} from {origin}"
    mend = f"Give it the rule of deploy/aws/holdfast.yaml, with Origins={origin}."
    try:
        rules = _s3().get_bucket_cors(Bucket=bucket.name)["CORSRules"]
    except ClientError as error:
        if code_of(error) != "NoSuchCORSConfiguration":
            raise
        return failed(f"It has no CORS rules, so browsers refuse {asked}.", mend)
    if any(_allows(rule, bucket, origin) for rule in rules):
        return ok(f"Browsers may {asked}.")
    return failed(
        f"None of its {len(rules)} CORS rules allows {asked} with the headers {', '.join(bucket.headers)}, and lets {bucket.exposed[0]} be read.", mend
    )


def _allows(rule: dict[str, Any], bucket: Bucket, origin: str) -> bool:
    heads = [header.lower() for header in rule.get("AllowedHeaders", [])]
    exposed = {header.lower() for header in rule.get("ExposeHeaders", [])}
    return (
        any(fnmatchcase(origin, pattern) for pattern in rule.get("AllowedOrigins", []))
        and set(bucket.methods) <= set(rule.get("AllowedMethods", []))
        and all(any(fnmatchcase(header, pattern) for pattern in heads) for header in bucket.headers)
        and {header.lower() for header in bucket.exposed} <= exposed
    )


@looked()
def lifecycle(bucket: Bucket) -> Finding:
    """Unfinished multipart uploads go by themselves, but none that people were promised."""
    mend = "Give it AbortIncompleteMultipartUpload, as deploy/aws/holdfast.yaml does; what nobody finishes is paid for every month."
    try:
        rules = _s3().get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    except ClientError as error:
        if code_of(error) != "NoSuchLifecycleConfiguration":
            raise
        rules = []
    days = [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in rules
        if rule.get("Status") == "Enabled" and "AbortIncompleteMultipartUpload" in rule
    ]
    if not days:
        return warning("Unfinished multipart uploads stay for ever.", mend)
    promised = settings.UPLOAD_EXPIRY_SECONDS
    if bucket.label == "Uploads" and min(days) * _DAY <= promised:
        said = f"S3 throws unfinished uploads away after {min(days)} days; people were promised {promised / _DAY:g}."
        return failed(said, f"Give AbortIncompleteMultipartUpload {promised // _DAY + 2} days.")
    return ok(f"Unfinished multipart uploads go after {min(days)} days.")


@looked("Set RENDITION_BUCKET to the stack's output, and attach the policy holdfast-app.")
def renditions_in_use() -> Finding:
    """A small object is put, read and deleted."""
    where = {"Bucket": settings.RENDITION_BUCKET, "Key": f"{settings.RENDITION_PREFIX}doctor-{uuid.uuid4().hex}"}
    try:
        _s3().put_object(**where, Body=_TRIAL)
        with _s3().get_object(**where)["Body"] as body:
            same = body.read() == _TRIAL
        _s3().delete_object(**where)
    except ClientError as error:
        return failed(f"{settings.RENDITION_BUCKET} cannot be used: {code_of(error)}.", "Attach the policy holdfast-app, and check RENDITION_BUCKET.")
    return (
        ok(f"{settings.RENDITION_BUCKET} takes files and gives them back.") if same else failed("It gives back other bytes.", "Do not keep renditions there.")
    )
