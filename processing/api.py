"""Jobs for programs, and the parts of a video that this room knows."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request

from processing.models import Attempt, Job, JobState, Rendition
from resilience.http.api import PUBLIC_ID, tagged
from resilience.http.cards import ErrorCardSerializer, error_card


class RenditionSerializer(serializers.ModelSerializer[Rendition]):
    class Meta:
        model = Rendition
        fields = ["rung", "state", "width", "height", "duration_s", "size", "bitrate", "codecs", "ready_at"]
        read_only_fields = fields


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    id = serializers.CharField(source="public_id", read_only=True)
    error = serializers.SerializerMethodField()

    class Meta:
        model = Attempt
        fields = ["id", "number", "engine", "state", "percent", "phase", "error", "created_at", "started_at", "ended_at"]
        read_only_fields = fields

    @extend_schema_field(ErrorCardSerializer(allow_null=True))
    def get_error(self, attempt: Attempt) -> dict[str, Any] | None:
        return error_card(attempt.error_code, attempt.error_fields)  # the engine's own words stay inside


class JobSummarySerializer(serializers.ModelSerializer[Job]):
    id = serializers.CharField(source="public_id", read_only=True)
    video = serializers.CharField(source="video.public_id", read_only=True)
    upload = serializers.CharField(source="source.public_id", read_only=True)
    error = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = ["id", "video", "upload", "state", "percent", "retry_at", "error", "version", "created_at", "updated_at", "finished_at"]
        read_only_fields = fields

    @extend_schema_field(ErrorCardSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, Any] | None:
        own = f"/api/v1/videos/{job.video.public_id}"
        addresses = {
            "retry": f"{own}/retry",
            "cancel": f"{own}/cancel",
            "replace_file": f"/videos/{job.video.public_id}/",
            "ask_for_help": f"/tickets/new/?video={job.video.public_id}",
        }
        return error_card(job.error_code, job.error_fields, addresses=addresses)


class JobSerializer(JobSummarySerializer):
    attempts = AttemptSerializer(many=True, read_only=True)
    renditions = RenditionSerializer(many=True, read_only=True)

    class Meta(JobSummarySerializer.Meta):
        fields = [*JobSummarySerializer.Meta.fields, "attempts", "renditions"]
        read_only_fields = fields


class JobFilter(django_filters.FilterSet):  # type: ignore[misc] # django-filter is untyped
    state = django_filters.MultipleChoiceFilter(choices=JobState.choices)
    video = django_filters.CharFilter(field_name="video__public_id")


class JobViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Job]):
    filterset_class = JobFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = PUBLIC_ID
    queryset = Job.objects.none()

    def get_serializer_class(self) -> type[JobSummarySerializer]:
        return JobSummarySerializer if self.action == "list" else JobSerializer

    def get_queryset(self) -> QuerySet[Job]:
        mine = Job.objects.filter(video__owner_id=self.request.user.pk).select_related("video", "source")
        return mine if self.action == "list" else mine.prefetch_related("attempts", "renditions")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override] # a 304 is not DRF's
        job = self.get_object()
        return tagged(request, self.get_serializer(job).data, version=job.version)
