"""Sources for engines in other regions than the uploads'."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings

from resilience.doctor import Finding, failed, ok, warning

from .asking import client, code_of, looked
from .buckets import region_of

_MEND = "Create the stack of deploy/aws/README.md there, and set MEDIACONVERT_SOURCE_BUCKETS to its output SourcesBucket."


@looked(_MEND)
def replica(region: str) -> Finding:
    """A bucket in the region, to which the uploads' bucket replicates."""
    name = settings.MEDIACONVERT_SOURCE_BUCKETS.get(region)
    if not name:
        return warning(f"None: MediaConvert in {region} reads from {settings.S3_REGION}, and cannot when S3 is away there.", _MEND)
    where = region_of(name, asked_in=region)
    if where and where != region:
        return failed(f"{name} is in {where}, not in {region}.", _MEND)
    rules = _rules()
    prefixes = [_prefix(rule) for rule in rules if rule["Destination"]["Bucket"].endswith(f":::{name}") and rule["Status"] == "Enabled"]
    if not any(settings.S3_PREFIX.startswith(prefix) for prefix in prefixes):
        return failed(f"{name} is there, but nothing of {settings.S3_PREFIX} in {settings.S3_BUCKET} is replicated to it.", _MEND)
    return ok(f"{settings.S3_BUCKET} replicates to {name}.")


def _rules() -> list[dict[str, Any]]:
    try:
        answer = client("s3", settings.S3_REGION).get_bucket_replication(Bucket=settings.S3_BUCKET)
    except ClientError as error:
        if code_of(error) != "ReplicationConfigurationNotFoundError":
            raise
        return []
    return list(answer["ReplicationConfiguration"]["Rules"])


def _prefix(rule: dict[str, Any]) -> str:
    """What the names of the replicated objects begin with (`Prefix` beside the filter is the older form)."""
    found = rule.get("Filter", {})
    return str(found.get("Prefix") or found.get("And", {}).get("Prefix") or rule.get("Prefix") or "")
