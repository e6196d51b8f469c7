"""Videos and uploads for programs. The bytes themselves go to /files/."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from resilience.http.api import PUBLIC_ID, require_version, tagged
from resilience.http.cards import ErrorCardSerializer, error_card
from resilience.http.errors import VersionConflict, VersionMismatch
from uploads.api_receipts import ReceiptSerializer
from uploads.errors import UploadComplete
from uploads.integrity.receipt import receipt_of
from uploads.models import OPEN_SESSION_STATES, ResumeToken, SessionState, UploadSession, Video, VideoState
from uploads.services.abort import abort_upload
from uploads.services.delete import delete_video
from uploads.services.ended import why_ended
from uploads.services.tokens import SCOPES, hash_secret, issue_token, revoke_tokens
from uploads.services.videos import rename_video

RECENT_DAYS = 30
IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True, description="The ETag that was read.")


class VideoSerializer(serializers.ModelSerializer[Video]):
    id = serializers.CharField(source="public_id", read_only=True)
    error = serializers.SerializerMethodField()

    class Meta:
        model = Video
        fields = ["id", "title", "state", "media_kind", "duration_s", "width", "height", "error", "version", "created_at", "updated_at"]
        read_only_fields = ["state", "media_kind", "duration_s", "width", "height", "version", "created_at", "updated_at"]

    @extend_schema_field(ErrorCardSerializer(allow_null=True))
    def get_error(self, video: Video) -> dict[str, Any] | None:
        own = f"/api/v1/videos/{video.public_id}"
        page = f"/videos/{video.public_id}/"
        addresses = {"retry": f"{own}/retry", "cancel": f"{own}/cancel", "replace_file": page, "ask_for_help": f"/tickets/new/?video={video.public_id}"}
        return error_card(video.error_code, video.error_fields, addresses=addresses)


class VideoTitleSerializer(serializers.Serializer[Video]):
    title = serializers.CharField(max_length=200)


class VideoFilter(django_filters.FilterSet):  # type: ignore[misc] # django-filter is untyped
    state = django_filters.MultipleChoiceFilter(choices=VideoState.choices)


class VideoViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Video]):
    """A person's videos. `config.api_videos` adds what the rooms above know of each."""

    serializer_class = VideoSerializer
    filterset_class = VideoFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = PUBLIC_ID
    queryset = Video.objects.none()

    def get_queryset(self) -> QuerySet[Video]:
        return Video.objects.filter(owner_id=self.request.user.pk)

    @extend_schema(request=VideoTitleSerializer, responses=VideoSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, id: str) -> HttpResponse:
        """Change the title."""
        video = self.get_object()
        version = require_version(request)
        given = VideoTitleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            rename_video(video, title=given.validated_data["title"], version=version)
        except VersionConflict as conflict:
            raise VersionMismatch(**conflict.fields) from None  # the caller named the version: 412, not 409
        video.refresh_from_db()
        return tagged(request, self.get_serializer(video).data, version=video.version)

    @extend_schema(responses={204: OpenApiResponse(description="Gone, with everything made from it.")})
    def destroy(self, request: Request, id: str) -> Response:
        """Delete a video, its file and everything made from it."""
        delete_video(self.get_object())
        return Response(status=204)


class UploadSerializer(serializers.ModelSerializer[UploadSession]):
    id = serializers.CharField(source="public_id", read_only=True)
    video = serializers.CharField(source="video.public_id", read_only=True)
    offset = serializers.IntegerField(source="committed", read_only=True, help_text="Bytes that arrived and are safe.")
    error = serializers.SerializerMethodField()

    class Meta:
        model = UploadSession
        fields = ["id", "video", "state", "file_name", "length", "offset", "fingerprint", "resumes", "error", "created_at", "updated_at", "expires_at"]
        read_only_fields = fields

    @extend_schema_field(ErrorCardSerializer(allow_null=True))
    def get_error(self, session: UploadSession) -> dict[str, Any] | None:
        addresses = {"replace_file": f"/videos/{session.its_video.public_id}/", "ask_for_help": f"/tickets/new/?video={session.its_video.public_id}"}
        return error_card(session.error_code, session.error_fields, addresses=addresses)


class TokenWishSerializer(serializers.Serializer[dict[str, Any]]):
    scopes = serializers.MultipleChoiceField(choices=SCOPES, required=False, allow_empty=False, help_text="What it allows; everything if left out.")
    lifetime = serializers.IntegerField(min_value=60, required=False, help_text="Seconds after which it ends, however much it is used.")


class UploadAddressSerializer(serializers.ModelSerializer[ResumeToken]):
    upload_url = serializers.SerializerMethodField(help_text="Send the rest here by tus. It is a secret: whoever has it can write to the upload.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), read_only=True)
    ends_at = serializers.DateTimeField(source="absolute_expires_at", read_only=True, help_text="It ends then at the latest.")

    class Meta:
        model = ResumeToken
        fields = ["upload_url", "scopes", "generation", "expires_at", "ends_at"]
        read_only_fields = fields

    def get_upload_url(self, token: ResumeToken) -> str:
        return f"/files/{self.context['secret']}"


class UploadFilter(django_filters.FilterSet):  # type: ignore[misc] # django-filter is untyped
    state = django_filters.MultipleChoiceFilter(choices=[("open", "open"), *SessionState.choices], method="of_states")
    fingerprint = django_filters.CharFilter(field_name="fingerprint")

    def of_states(self, uploads: QuerySet[UploadSession], name: str, states: list[str]) -> QuerySet[UploadSession]:
        """`open` stands for all that can still go on."""
        can_go_on = Q(state__in=OPEN_SESSION_STATES, expires_at__gt=Now()) if "open" in states else Q()
        return uploads.filter(can_go_on | Q(state__in=states)) if states else uploads


class UploadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[UploadSession]):
    serializer_class = UploadSerializer
    filterset_class = UploadFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = PUBLIC_ID
    queryset = UploadSession.objects.none()

    def get_queryset(self) -> QuerySet[UploadSession]:
        mine = UploadSession.objects.filter(owner_id=self.request.user.pk, video__isnull=False).select_related("video")
        if self.action != "list":
            return mine
        recent = timezone.now() - timedelta(days=RECENT_DAYS)
        return mine.filter(Q(state__in=OPEN_SESSION_STATES) | Q(created_at__gte=recent))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override] # a 304 is not DRF's
        session = self.get_object()
        return tagged(request, self.get_serializer(session).data, version=session.epoch)

    @extend_schema(responses={204: OpenApiResponse(description="Canceled; what had arrived is thrown away.")})
    def destroy(self, request: Request, id: str) -> Response:
        """Cancel an upload."""
        session = self.get_object()
        if not abort_upload(session) and session.state != SessionState.ABORTED:
            raise why_ended(session) or UploadComplete()
        return Response(status=204)

    @extend_schema(responses=ReceiptSerializer)
    @action(detail=True, methods=["get"])
    def receipt(self, request: Request, id: str) -> Response:
        """Download the signed receipt of a file that arrived and is kept."""
        session = self.get_object()
        name = f'attachment; filename="receipt-{session.public_id}.json"'
        return Response(ReceiptSerializer(receipt_of(session)).data, headers={"Content-Disposition": name, "Cache-Control": "private, no-cache"})

    @extend_schema(request=TokenWishSerializer, responses=UploadAddressSerializer)
    @action(detail=True, methods=["post"])
    def token(self, request: Request, id: str) -> Response:
        """Make a new address to go on with an unfinished upload; the one before it stops working."""
        session = self.get_object()
        if session.state not in OPEN_SESSION_STATES:
            raise why_ended(session) or UploadComplete()
        wish = TokenWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        wanted = wish.validated_data
        lifetime = timedelta(seconds=min(wanted["lifetime"], 2**31)) if "lifetime" in wanted else None
        secret = issue_token(session, scopes=tuple(scope for scope in SCOPES if scope in wanted.get("scopes", SCOPES)), lifetime=lifetime)
        told = UploadAddressSerializer(ResumeToken.objects.get(token_hash=hash_secret(secret)), context={"secret": secret})
        return Response(told.data, headers={"Cache-Control": "no-store"})

    @extend_schema(request=None, responses={204: OpenApiResponse(description="No address of this upload works any more.")})
    @token.mapping.delete
    def revoke_token(self, request: Request, id: str) -> Response:
        """End every address of an upload; what arrived is kept, and a new address can be made."""
        revoke_tokens(self.get_object())
        return Response(status=204)
