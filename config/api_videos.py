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
from processing.captions.selectors import captions_of
from processing.extras.models import ExtraState
from processing.extras.services import ask_for_download, download_of, thumbnails_of
from processing.links import link_to
from processing.models import Extra, Job
from processing.selectors import current_job, published, renditions
from processing.services.jobs import cancel_job, retry_job
from resilience.http.api import person, tagged
from resilience.http.errors import NotFound
from uploads import api as uploads
from uploads.models import Video


class DownloadSerializer(serializers.Serializer[Any]):
    """A file to save."""

    state = serializers.ChoiceField(choices=["none", *ExtraState.values], help_text="none: nobody asked for it yet (POST …/download).")
    size = serializers.IntegerField(help_text="Bytes; 0 until it is ready.")
    url = serializers.CharField(allow_null=True, help_text="Works for minutes, for anybody who has it.")


class CaptionSerializer(serializers.Serializer[Any]):
    language = serializers.CharField(help_text="As BCP 47 writes it; empty when it is not known.")
    url = serializers.CharField(help_text="Works for minutes, for anybody who has it.")


class VideoDetailSerializer(uploads.VideoSerializer):
    job = serializers.SerializerMethodField()
    renditions = serializers.SerializerMethodField()
    playlist_url = serializers.SerializerMethodField(
        help_text="HLS, there as soon as the first rendition is. Anybody who has it can play the video: begin within minutes, or ask for it again."
    )
    poster_url = serializers.SerializerMethodField(help_text="A picture of it. Works for minutes, for anybody who has it.")
    thumbnails_url = serializers.SerializerMethodField(help_text="WebVTT: which part of a sheet of small pictures shows which moment.")
    download = serializers.SerializerMethodField(help_text="The best quality as one file; null without anything to play.")
    captions = serializers.SerializerMethodField(help_text="WebVTT, in the language that is spoken.")
    timeline = serializers.SerializerMethodField()

    class Meta(uploads.VideoSerializer.Meta):
        fields = [*uploads.VideoSerializer.Meta.fields, "job", "renditions", "playlist_url", "poster_url", "thumbnails_url", "download", "captions", "timeline"]

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

    def get_thumbnails_url(self, video: Video) -> str | None:
        extra = thumbnails_of(video)
        return _media(extra.path) if extra is not None else None

    @extend_schema_field(DownloadSerializer(allow_null=True))
    def get_download(self, video: Video) -> dict[str, Any] | None:
        return _download(download_of(video))

    @extend_schema_field(CaptionSerializer(many=True))
    def get_captions(self, video: Video) -> list[dict[str, Any]]:
        caption = captions_of(video)
        return [{"language": caption.language, "url": _media(caption.path)}] if caption is not None else []

    @extend_schema_field(TimelineSerializer(many=True))
    def get_timeline(self, video: Video) -> list[dict[str, Any]]:
        return list(TimelineSerializer(timeline(video), many=True).data)

    def _job(self, video: Video) -> Job | None:
        if not hasattr(self, "_current"):
            self._current = current_job(video)
        return self._current


def _media(path: str) -> str:
    return f"{settings.BASE_URL}{link_to(path)}"


def _download(extra: Extra | None) -> dict[str, Any] | None:
    if extra is None:
        return None
    ready = extra.state == ExtraState.READY
    return {"state": extra.state if extra.pk else "none", "size": extra.size, "url": _media(extra.path) if ready else None}


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

    @extend_schema(request=None, responses={200: DownloadSerializer, 202: DownloadSerializer, 404: OpenApiResponse(description="Nothing can be played yet.")})
    @action(detail=True, methods=["post"])
    def download(self, request: Request, id: str) -> Response:
        """Have the best quality made into one file to save (MP4, or M4A of sound). 200 with its address when it is there, 202 while it is made."""
        extra = ask_for_download(self.get_object())
        if extra is None:
            raise NotFound()
        return Response(_download(extra), status=200 if extra.state == ExtraState.READY else 202)

    def _job(self) -> Job:
        job = current_job(self.get_object())
        if job is None:
            raise NotFound()
        return job

    def _accepted(self, job: Job) -> Response:
        return Response(JobSerializer(job).data, status=202, headers={"Location": f"/api/v1/jobs/{job.public_id}"})
