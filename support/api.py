"""Tickets, guides and the problems catalogue for programs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from resilience.errors import CATALOGUE
from resilience.http.api import PUBLIC_ID, person, tagged
from resilience.http.cards import ErrorCardSerializer, ProblemEntrySerializer, error_card, problem_entry
from resilience.http.errors import NotFound
from resilience.http.limits import require_rate
from support.guide_library import all_guides, guide
from support.models import AttachmentState, Ticket, TicketAttachment, TicketMessage
from support.services.attachments import fresh_address, remove_attachment
from support.services.tickets import open_ticket, reply
from uploads.errors import UploadComplete
from uploads.models import OPEN_SESSION_STATES, Video
from uploads.services.ended import why_ended

BODY_LENGTH = 10_000
SLUG = r"[a-z0-9-]{1,80}"
_FILE = OpenApiParameter("file", str, OpenApiParameter.PATH, description="Id of the file.")


class MessageSerializer(serializers.ModelSerializer[TicketMessage]):
    author = serializers.SerializerMethodField(help_text="you, or us.")

    class Meta:
        model = TicketMessage
        fields = ["author", "body", "created_at"]
        read_only_fields = fields

    def get_author(self, message: TicketMessage) -> str:
        return "us" if message.from_staff else "you"


class AttachmentSerializer(serializers.ModelSerializer[TicketAttachment]):
    """A file of a ticket. Send one to /files/ by tus, with `purpose attachment` and `ticket <id>` in its metadata."""

    id = serializers.CharField(source="upload.public_id", read_only=True)
    name = serializers.CharField(source="upload.file_name", read_only=True)
    state = serializers.ChoiceField(choices=AttachmentState.choices, read_only=True)
    kind = serializers.CharField(read_only=True, help_text="What its content is; empty while nobody has looked.")
    length = serializers.IntegerField(source="upload.length", read_only=True, help_text="Bytes in all.")
    offset = serializers.IntegerField(source="upload.committed", read_only=True, help_text="Bytes that arrived and are safe.")
    sha256 = serializers.CharField(source="upload.sha256", read_only=True, help_text="Of all of it; empty while nobody has looked.")
    download = serializers.SerializerMethodField(help_text="Where to get it, for you and for us; null while it is not attached.")
    error = serializers.SerializerMethodField()

    class Meta:
        model = TicketAttachment
        fields = ["id", "name", "state", "kind", "length", "offset", "sha256", "download", "error", "created_at", "attached_at"]
        read_only_fields = fields

    def get_download(self, attachment: TicketAttachment) -> str | None:
        return attachment.address if attachment.state == AttachmentState.ATTACHED else None

    @extend_schema_field(ErrorCardSerializer(allow_null=True))
    def get_error(self, attachment: TicketAttachment) -> dict[str, Any] | None:
        page = f"/tickets/{attachment.ticket.public_id}/"
        return error_card(attachment.upload.error_code, attachment.upload.error_fields, addresses={"choose_file": page, "tickets": page})


class AttachmentAddressSerializer(serializers.Serializer[Any]):
    upload_url = serializers.CharField(read_only=True, help_text="Send the rest here by tus. It is a secret: whoever has it can write to the upload.")


class TicketSummarySerializer(serializers.ModelSerializer[Ticket]):
    id = serializers.CharField(source="public_id", read_only=True)
    video = serializers.CharField(source="video.public_id", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Ticket
        fields = ["id", "video", "subject", "error_code", "state", "version", "created_at", "updated_at"]
        read_only_fields = fields


class TicketSerializer(TicketSummarySerializer):
    messages = MessageSerializer(many=True, read_only=True)
    attachments = AttachmentSerializer(many=True, read_only=True)

    class Meta(TicketSummarySerializer.Meta):
        fields = [*TicketSummarySerializer.Meta.fields, "messages", "attachments"]
        read_only_fields = fields


class NewTicketSerializer(serializers.Serializer[Ticket]):
    body = serializers.CharField(max_length=BODY_LENGTH)
    subject = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    video = serializers.SlugRelatedField(slug_field="public_id", queryset=Video.objects.none(), required=False, allow_null=True, default=None)
    error_code = serializers.CharField(max_length=80, required=False, default="", allow_blank=True, help_text="Of the error card help is asked from.")

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        request = self.context.get("request")
        if request is not None:
            fields["video"].queryset = Video.objects.filter(owner_id=request.user.pk)
        return fields

    def validate_error_code(self, code: str) -> str:
        if code and CATALOGUE.get(code).code != code:
            raise serializers.ValidationError("There is no problem with this code.", code="unknown")
        return code


class ReplySerializer(serializers.Serializer[TicketMessage]):
    body = serializers.CharField(max_length=BODY_LENGTH)


class TicketViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Ticket]):
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = PUBLIC_ID
    queryset = Ticket.objects.none()

    def get_serializer_class(self) -> type[TicketSummarySerializer]:
        return TicketSummarySerializer if self.action == "list" else TicketSerializer

    def get_queryset(self) -> QuerySet[Ticket]:
        mine = Ticket.objects.filter(owner_id=self.request.user.pk).select_related("video", "owner")
        return mine if self.action == "list" else mine.prefetch_related("messages", "attachments__upload", "attachments__ticket")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override] # a 304 is not DRF's
        ticket = self.get_object()
        return tagged(request, self.get_serializer(ticket).data, version=ticket.version)

    @extend_schema(request=NewTicketSerializer, responses={201: TicketSerializer})
    def create(self, request: Request) -> Response:
        """Ask for help. While a request about the same video and error is open, this goes on with that one."""
        given = NewTicketSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        require_rate(request._request, "help")
        ticket = open_ticket(owner=person(request), **given.validated_data)
        return Response(TicketSerializer(ticket).data, status=201, headers={"Location": f"/api/v1/tickets/{ticket.public_id}"})

    @extend_schema(request=ReplySerializer, responses={201: TicketSerializer})
    @action(detail=True, methods=["post"])
    def reply(self, request: Request, id: str) -> Response:
        """Write into one of your tickets; a solved one is open again."""
        ticket = self.get_object()
        given = ReplySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        reply(ticket, author=person(request), body=given.validated_data["body"])
        return Response(TicketSerializer(self.get_object()).data, status=201)

    @extend_schema(responses=AttachmentSerializer(many=True))
    @action(detail=True, pagination_class=None)
    def attachments(self, request: Request, id: str) -> Response:
        """List the files of a ticket, also those on their way and those that were refused."""
        return Response(AttachmentSerializer(self.get_object().attachments.all(), many=True).data)

    @extend_schema(request=None, responses={204: OpenApiResponse(description="Gone, with its bytes.")}, parameters=[_FILE])
    @action(detail=True, methods=["delete"], url_path=f"attachments/(?P<file>{PUBLIC_ID})")
    def remove(self, request: Request, id: str, file: str) -> Response:
        """Take a file off a ticket."""
        remove_attachment(self._file(file))
        return Response(status=204)

    @extend_schema(request=None, responses=AttachmentAddressSerializer, parameters=[_FILE])
    @action(detail=True, methods=["post"], url_path=f"attachments/(?P<file>{PUBLIC_ID})/token")
    def token(self, request: Request, id: str, file: str) -> Response:
        """Make a new address to go on with a file that has not arrived whole; the one before it stops working."""
        attachment = self._file(file)
        if attachment.upload.state not in OPEN_SESSION_STATES:
            raise why_ended(attachment.upload) or UploadComplete()
        return Response({"upload_url": f"/files/{fresh_address(attachment)}"}, headers={"Cache-Control": "no-store"})

    def _file(self, public_id: str) -> TicketAttachment:
        found: TicketAttachment | None = self.get_object().attachments.select_related("upload").filter(upload__public_id=public_id).first()
        if found is None:
            raise NotFound()
        return found


class GuideSummarySerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    codes = serializers.ListField(child=serializers.CharField(), help_text="Of the problems it helps with.")


class GuideSerializer(GuideSummarySerializer):
    html = serializers.CharField(help_text="Clean HTML: paragraphs, headings, lists, tables, links.")


_SLUG_PARAMETER = OpenApiParameter("slug", str, OpenApiParameter.PATH)


class GuideViewSet(viewsets.ViewSet):
    permission_classes = [AllowAny]
    lookup_field = "slug"
    lookup_value_regex = SLUG

    @extend_schema(responses=GuideSummarySerializer(many=True))
    def list(self, request: Request) -> Response:
        return Response(GuideSummarySerializer(all_guides(), many=True).data)

    @extend_schema(responses=GuideSerializer, parameters=[_SLUG_PARAMETER])
    def retrieve(self, request: Request, slug: str) -> HttpResponse:
        found = guide(slug)
        if found is None:
            raise NotFound()
        return tagged(request, GuideSerializer(found).data, version=0)


class ProblemViewSet(viewsets.ViewSet):
    """Every kind of problem there is, with what to do about it."""

    permission_classes = [AllowAny]
    lookup_field = "slug"
    lookup_value_regex = SLUG

    @extend_schema(responses=ProblemEntrySerializer(many=True))
    def list(self, request: Request) -> Response:
        return Response([ProblemEntrySerializer(problem_entry(entry)).data for entry in CATALOGUE])

    @extend_schema(responses=ProblemEntrySerializer, parameters=[_SLUG_PARAMETER])
    def retrieve(self, request: Request, slug: str) -> HttpResponse:
        entry = CATALOGUE.by_slug(slug)
        if entry is None:
            raise NotFound()
        return tagged(request, ProblemEntrySerializer(problem_entry(entry)).data, version=0)
