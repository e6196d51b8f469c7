"""What an attempt is asked to do, out of its rows."""

from __future__ import annotations

from processing.engines.base import Order
from processing.ladder import rung_from_json
from processing.models import Attempt, Job, Publication, Rendition, RenditionState
from processing.services.chain import acceleration_off
from uploads.selectors import source_object


def order_for(attempt: Attempt, *, source: str) -> Order:
    """Say what an attempt is asked to do: the rungs of its job that nobody made yet.

    Args:
        source: path of the source on this host, or its address for an engine elsewhere.
    """
    job = Job.objects.select_related("video", "source").get(pk=attempt.job_id)
    ready = set(Rendition.objects.filter(job=job, state=RenditionState.READY).values_list("rung", flat=True))
    rungs = [rung_from_json(value) for value in job.ladder]
    published = Publication.objects.filter(job=job).first()
    return Order(
        attempt_id=attempt.public_id,
        job_id=job.public_id,
        video_id=job.video.public_id,
        source=source,
        source_size=job.source.committed,
        probe=job.source.probe,
        missing=tuple(rung for rung in rungs if rung.name not in ready),
        prefix=f"{job.video.public_id}/{job.public_id}/{attempt.public_id}",
        done_weight=sum(rung.weight for rung in rungs if rung.name in ready),
        salvage=attempt.salvage,
        needs_poster=not (published and published.poster),
        external_id=attempt.external_id,
        accelerated=not acceleration_off(job),
    )


def source_key(attempt: Attempt) -> str:
    """Return the name of an attempt's source in the bucket of uploads, which no other upload has; empty where uploads are on disk."""
    return source_object(attempt.job.source)
