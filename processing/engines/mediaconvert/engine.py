"""MediaConvert in one region as an engine. It is asked here and goes on by itself; how it goes comes by events and by looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from processing.engines.base import News, Observation, Order, RemoteJob, RungOutput, Watch
from processing.ladder import Rung

from . import client, job_settings, news, outputs

PAGE = 20  # jobs of one answer; the service gives no more
MOST_PAGES = 10
LONGEST_INPUT = 300  # characters of a name that is searched for


class MediaConvertEngine:
    """Implements `RemoteEngine`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.region = name.partition(":")[2]

    def create(self, order: Order, *, begin_seconds: float = client.BEGIN_SECONDS) -> RemoteJob:
        request = job_settings.create_job(order, place(self.region, accelerated=order.accelerated), token=order.attempt_id)
        return news.remote_job(client.call(self.region, "create_job", begin_seconds=begin_seconds, **request)["Job"])

    def submit(self, order: Order) -> Observation:
        return Observation(News.SUBMITTED, external_id=self.create(order).external_id)

    def look(self, external_id: str) -> RemoteJob:
        try:
            return news.remote_job(client.call(self.region, "get_job", Id=external_id)["Job"])
        except client.Missing:
            return RemoteJob(external_id, "", news.NEVER, news.LOST)

    def observe(self, order: Order, watch: Watch) -> Iterator[Observation]:
        watch.check()
        yield self.look(order.external_id).observation

    def find(self, attempt_id: str, source: str) -> list[RemoteJob]:
        """Look by the source's name in its bucket, for the bucket differs between regions; of the jobs for it, those of this attempt are ours."""
        found = [job for job in self._search(source[-LONGEST_INPUT:]) if job.attempt_id == attempt_id]
        return sorted(found, key=lambda job: (job.created_at, job.external_id))

    def stop(self, external_id: str) -> None:
        try:
            client.call(self.region, "cancel_job", Id=external_id)
        except client.Missing:
            return
        except client.Refused as refused:
            if refused.status != 409 or self.look(external_id).observation.news not in (News.COMPLETE, News.ERROR, News.CANCELED):
                raise

    def cancel(self, order: Order) -> None:
        for external_id in [order.external_id] if order.external_id else [job.external_id for job in self.find(order.attempt_id, key_of(order.source))]:
            self.stop(external_id)

    def outputs(self, order: Order, rung: Rung, watch: Watch) -> RungOutput:
        return outputs.verified(order, rung, watch)

    def _search(self, name: str) -> Iterator[RemoteJob]:
        following: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            answer = client.call(self.region, "search_jobs", InputFile=name, MaxResults=PAGE, Order="DESCENDING", **following)
            yield from map(news.remote_job, answer.get("Jobs", []))
            if not answer.get("NextToken"):
                return
            following = {"NextToken": answer["NextToken"]}


def place(region: str, *, accelerated: bool = True) -> job_settings.Place:
    """Return what the settings say of a region."""
    return job_settings.Place(
        role=settings.MEDIACONVERT_ROLE_ARN,
        outputs=f"s3://{settings.RENDITION_BUCKET}/{settings.RENDITION_PREFIX}",
        environment=settings.ENVIRONMENT,
        queue=settings.MEDIACONVERT_QUEUES.get(region, ""),
        accelerated=accelerated and settings.MEDIACONVERT_ACCELERATION == "preferred",
        status_seconds=settings.MEDIACONVERT_STATUS_SECONDS,
    )


def source_url(region: str, key: str) -> str:
    """Return where a region reads an object of the uploads' bucket: in the copy of it that lies there, if the settings name one."""
    return f"s3://{settings.MEDIACONVERT_SOURCE_BUCKETS.get(region) or settings.S3_BUCKET}/{key}"


def key_of(url: str) -> str:
    """Return the object's name in an s3:// address."""
    return url.split("/", 3)[3]
