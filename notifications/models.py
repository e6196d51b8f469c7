from __future__ import annotations

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from resilience.ids import opaque_id
from uploads.models import Video


class Event(models.Model):
    """What happened, for the live stream and the timeline. Append-only; ids of one user's events grow in commit order."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="events")
    video = models.ForeignKey(Video, null=True, blank=True, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=60, help_text="video.changed, job.progress, notification.created, ticket.changed, …")
    sentence = models.CharField(max_length=300, blank=True, default="", help_text="For the timeline, in plain words; empty keeps it out of it.")
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["user", "id"], name="event_stream"),
            models.Index(fields=["video", "id"], condition=~Q(sentence=""), name="event_timeline"),
            models.Index(fields=["at"], condition=Q(kind="job.progress"), name="event_progress_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class NotificationKind(models.TextChoices):
    READY = "ready"
    FIRST_RENDITION_READY = "first_rendition_ready", "first rendition ready"
    NEEDS_NEW_FILE = "needs_new_file", "needs a new file"
    RETRYING = "retrying"
    GIVEN_UP = "given_up", "given up"
    UPLOAD_ENDED = "upload_ended", "upload ended"
    TICKET_ANSWERED = "ticket_answered", "ticket answered"
    ATTACHMENT_REFUSED = "attachment_refused", "file of a ticket refused"
    UPLOAD_EXPIRING = "upload_expiring", "upload about to expire"


class Notification(models.Model):
    public_id = models.CharField(max_length=40, unique=True, editable=False, default=partial(opaque_id, "ntf"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=24, choices=NotificationKind.choices)
    key = models.CharField(max_length=200, help_text="De-duplicates: the same news is told once.")
    video = models.ForeignKey(Video, null=True, blank=True, on_delete=models.CASCADE, related_name="notifications")
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True, default="")
    link = models.CharField(max_length=300, blank=True, default="")
    read_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="notification_told_once")]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="notification_inbox"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notification_unread"),
        ]

    def __str__(self) -> str:
        return self.title
