"""What `manage.py doctor --aws` asks an account: everything Holdfast needs of AWS, one line each, with the mend in words.

Nothing is changed. What cannot be looked at without doing it is tried in a way that is always refused, and the refusal's reason tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.conf import settings

from processing.events.queues import queues
from resilience import doctor
from uploads.checks import bucket as uploads_bucket

from . import buckets, converter, identity, news, quotas, replicas


def lines() -> Iterator[tuple[str, doctor.Look]]:
    """Yield name and look of each line, in the order in which one mends them."""
    if settings.UPLOAD_STORE != "s3" and not settings.MEDIACONVERT_REGIONS:
        yield (
            "Use of AWS",
            lambda: doctor.warning("Nothing is kept or converted there.", "Set UPLOAD_STORE=s3 and ENGINES; deploy/aws/README.md has the steps."),
        )
        return
    yield "Keys", identity.keys
    if settings.UPLOAD_STORE == "s3":
        yield "Uploads: use", uploads_bucket
    for bucket in buckets.ours():
        yield f"{bucket.label}: region", partial(buckets.region, bucket)
        yield f"{bucket.label}: closed", partial(buckets.closed, bucket)
        yield f"{bucket.label}: CORS", partial(buckets.cors, bucket)
        yield f"{bucket.label}: lifecycle", partial(buckets.lifecycle, bucket)
    if settings.RENDITION_STORE == "s3":
        yield "Renditions: use", buckets.renditions_in_use
    if settings.MEDIACONVERT_REGIONS:
        yield from _converting()


def _converting() -> Iterator[tuple[str, doctor.Look]]:
    yield "Role", identity.role
    yield "Lending it", identity.lending
    for region in settings.MEDIACONVERT_REGIONS:
        yield f"MediaConvert {region}", partial(converter.answers, region)
        yield f"Allowed {region}", partial(converter.allowed, region)
        yield f"Quotas {region}", partial(quotas.quotas, region)
        if region != settings.S3_REGION:
            yield f"Sources {region}", partial(replicas.replica, region)
    yield "News: regions", news.regions
    for queue in queues():
        yield f"News {queue.region}: queue", partial(news.queue, queue)
        yield f"News {queue.region}: rule", partial(news.rule, queue)
        yield f"News {queue.region}: dead", partial(news.dead_letters, queue)
