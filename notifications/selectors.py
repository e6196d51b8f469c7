"""Reads of the inbox and the timeline."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from notifications.models import Event, Notification
from uploads.models import Video

TIMELINE_LENGTH = 200


def unread_count(user: User | AnonymousUser) -> int:
    """How many notifications a person has not read; 0 for nobody."""
    if not isinstance(user, User):
        return 0
    return Notification.objects.filter(user=user, read_at__isnull=True).count()


def inbox(user: User) -> QuerySet[Notification]:
    """A person's notifications, newest first, each with its video."""
    return Notification.objects.filter(user=user).select_related("video").order_by("-created_at", "-id")


def timeline(video: Video, *, limit: int = TIMELINE_LENGTH) -> list[Event]:
    """What happened to a video in plain words, oldest first; of a very long story the newest `limit` events."""
    newest = Event.objects.filter(video=video).exclude(sentence="").order_by("-id")[:limit]
    return list(newest)[::-1]


def events_after(user_id: int, last_id: int, *, limit: int) -> list[Event]:
    """A person's next events after one they have seen, in order."""
    return list(Event.objects.filter(user_id=user_id, id__gt=last_id).order_by("id")[:limit])


def newest_event_id(user_id: int) -> int:
    """The id a stream that starts now goes on from; 0 before the first event."""
    return Event.objects.filter(user_id=user_id).order_by("-id").values_list("id", flat=True).first() or 0
