"""What a person does with the inbox."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models.functions import Now

from notifications.models import Notification
from notifications.selectors import unread_count
from resilience.http.errors import NotFound
from resilience.transactions import retried

from .events import lock_stream_of, record


@retried(joins=True)
def mark_read(user: User, *, public_id: str) -> Notification:
    """Mark one notification as read; reading it again changes nothing.

    Raises:
        NotFound: there is none of this person's with this id.
    """
    lock_stream_of(user)
    changed = Notification.objects.filter(user=user, public_id=public_id, read_at__isnull=True).update(read_at=Now())
    notification = Notification.objects.filter(user=user, public_id=public_id).select_related("video").first()
    if notification is None:
        raise NotFound()
    if changed:
        _tell_unread(user)
    return notification


@retried(joins=True)
def mark_all_read(user: User) -> int:
    """Mark everything in the inbox as read; return how many were not."""
    lock_stream_of(user)
    changed = Notification.objects.filter(user=user, read_at__isnull=True).update(read_at=Now())
    if changed:
        _tell_unread(user)
    return changed


def _tell_unread(user: User) -> None:
    """The badge of every other open tab goes down too."""
    record(user=user, kind="notification.read", data={"unread": unread_count(user)})
