"""Tell a person something, once."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models.functions import Now

from notifications.models import Notification, NotificationKind
from notifications.selectors import unread_count
from resilience.faults import point
from resilience.transactions import retried
from uploads.models import Video

from .events import lock_stream_of, record

_TITLE_LENGTH = 200


@retried(joins=True)
def notify(
    *,
    user: User,
    kind: NotificationKind,
    key: str,
    title: str,
    body: str = "",
    link: str = "",
    video: Video | None = None,
    instead_of: str = "",
) -> Notification | None:
    """Put a notification into a person's inbox and on their live streams.

    Args:
        key: the same news has the same key, and is told once however often this is called.
        link: address on this site that it leads to.
        instead_of: key of older news that this makes stale; it counts as read.

    Returns:
        The new notification, or None when this news was told before.
    """
    lock_stream_of(user)  # before counting: the count on the stream must include what committed meanwhile
    told = Notification(user=user, kind=kind, key=key, title=title[:_TITLE_LENGTH], body=body, link=link, video=video)
    # ON CONFLICT DO NOTHING: news told twice must not break the caller's transaction.
    Notification.objects.bulk_create([told], ignore_conflicts=True)
    point("notifications.inbox.inserted")
    stored = Notification.objects.filter(user=user, public_id=told.public_id).first()
    if stored is None:
        return None
    if instead_of:
        Notification.objects.filter(user=user, key=instead_of, read_at__isnull=True).update(read_at=Now())
    record(
        user=user,
        kind="notification.created",
        video=video,
        data={"notification": stored.public_id, "kind": stored.kind, "title": stored.title, "link": stored.link, "unread": unread_count(user)},
    )
    return stored
