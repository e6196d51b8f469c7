"""The video as programs see it: what the rooms each know of it, put together here because only wiring may see them all."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from notifications.api import TimelineSerializer
from notifications.selectors import timeline
from processing.api import JobSerializer, JobSummarySerializer, RenditionSerializer
from processing.links import link_to
from processing.models import Job
from processing.selectors import current_job, published, renditions
from processing.services.jobs import cancel_job, retry_job
from resilience.http.api import person, tagged
from resilience.http.errors import NotFound
from uploads import api as uploads
from uploads.models import Video


class VideoDetailSerializer(uploads.VideoSerializer):
    job = serializers.SerializerMethodField()
    renditions = serializers.SerializerMethodField()
    playlist_url = serializers.SerializerMethodField(
        help_text="HLS, there as soon as the first rendition is. Anybody who has it can play the video: begin within minutes, or ask for it again."
    )
    poster_url = serializers.SerializerMethodField(help_text="A picture of it. Works for minutes, for anybody who has it.")
    timeline = serializers.SerializerMethodField()

    class Meta(uploads.VideoSerializer.Meta):
        fields = [*uploads.VideoSerializer.Meta.fields, "job", "renditions", "playlist_url", "poster_url", "timeline"]

    @extend_schema_field(JobSummarySerializer(allow_null=True))
    def get_job(self, video: Video) -> dict[str, Any] | None:
        job = self._job(video)
        return JobSummarySerializer(job).data if job is not None else None

    @extend_schema_field(RenditionSerializer(many=True))
    def get_renditions(self, video: Video) -> list[dict[str, Any]]:
        job = self._job(video)
        return list(RenditionSerializer(renditions(job), many=True).data) if job is not None else []

    def get_playlist_url(self, video: Video) -> str | None:
        publication = published(video)
        return _media(publication.playlist) if publication is not None else None

    def get_poster_url(self, video: Video) -> str | None:
        publication = published(video)
        return _media(publication.poster) if publication is not None and publication.poster else None

    @extend_schema_field(TimelineSerializer(many=True))
    def get_timeline(self, video: Video) -> list[dict[str, Any]]:
        return list(TimelineSerializer(timeline(video), many=True).data)

    def _job(self, video: Video) -> Job | None:
        if not hasattr(self, "_current"):
            self._current = current_job(video)
        return self._current


def _media(path: str) -> str:
    return f"{settings.BASE_URL}{link_to(path)}"


class VideoViewSet(uploads.VideoViewSet):
    @extend_schema(responses=VideoDetailSerializer)
    def retrieve(self, request: Request, id: str) -> HttpResponse:
        """One video with its renditions, error card and timeline."""
        video = self.get_object()
        return tagged(request, VideoDetailSerializer(video, context=self.get_serializer_context()).data, version=video.version)

    @extend_schema(request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, id: str) -> Response:
        """Convert it again; only what is missing is made. The job is at `Location`."""
        job = retry_job(self._job(), by=person(request), reason="asked by its owner")
        return self._accepted(job)

    @extend_schema(request=None, responses={202: JobSerializer, 404: OpenApiResponse(description="There is no conversion to cancel.")})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Stop converting."""
        job = cancel_job(self._job(), by=person(request), reason="asked by its owner")
        return self._accepted(job)

    def _job(self) -> Job:
        job = current_job(self.get_object())
        if job is None:
            raise NotFound()
        return job

    def _accepted(self, job: Job) -> Response:
        return Response(JobSerializer(job).data, status=202, headers={"Location": f"/api/v1/jobs/{job.public_id}"})
