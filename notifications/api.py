"""The inbox for programs, and the timeline's rows."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from notifications.models import Event, Notification
from notifications.selectors import inbox, unread_count
from notifications.services.inbox import mark_all_read, mark_read
from resilience.http.api import PUBLIC_ID, person


class TimelineSerializer(serializers.ModelSerializer[Event]):
    class Meta:
        model = Event
        fields = ["kind", "sentence", "at"]
        read_only_fields = fields


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    id = serializers.CharField(source="public_id", read_only=True)
    video = serializers.CharField(source="video.public_id", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Notification
        fields = ["id", "kind", "title", "body", "link", "video", "read_at", "created_at"]
        read_only_fields = fields


UnreadSerializer = inline_serializer("Unread", {"unread": serializers.IntegerField()})


class NotificationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Notification]):
    serializer_class = NotificationSerializer
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = PUBLIC_ID
    queryset = Notification.objects.none()

    def get_queryset(self) -> QuerySet[Notification]:
        return inbox(person(self.request))

    @extend_schema(responses=UnreadSerializer)
    @action(detail=False)
    def unread(self, request: Request) -> Response:
        """How many are not read yet."""
        return Response({"unread": unread_count(request.user)})

    @extend_schema(request=None, responses=NotificationSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, id: str) -> Response:
        """Mark one as read; again changes nothing."""
        return Response(self.get_serializer(mark_read(person(request), public_id=id)).data)

    @extend_schema(request=None, responses=UnreadSerializer)
    @action(detail=False, methods=["post"], url_path="read-all")
    def read_all(self, request: Request) -> Response:
        """Mark everything as read."""
        mark_all_read(person(request))
        return Response({"unread": 0})
