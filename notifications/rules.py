"""What must hold of news: nobody hears of what is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F

from notifications.models import Event, Notification
from resilience.integrity import Breach, in_batches, rule


def _delete(breach: Breach) -> bool:
    return bool(breach.row.delete()[0])


@rule("notifications.owners", about="News of a video is its owner's.", repair=_delete)
def owners() -> Iterator[Breach]:
    for kind in (Notification, Event):
        for row in in_batches(kind.objects.filter(video__isnull=False).exclude(video__owner=F("user"))):
            yield Breach(f"{kind.__name__.lower()} {row.pk}", "was told to somebody who does not own the video", row)
