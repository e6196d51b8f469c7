from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class MailState(models.TextChoices):
    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead", "dead letter"


class Mail(models.Model):
    """One message to be delivered. Its body, which may carry a link that signs somebody in, is kept no longer than it is needed, and shown nowhere."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message_id = models.CharField(max_length=255, unique=True, help_text="The same for every try: a second copy can be told from a second message.")
    sender = models.CharField(max_length=320)
    recipients = models.JSONField(default=list)
    left = models.JSONField(default=list, help_text="Recipients the server has not taken it for yet.")
    refused = models.JSONField(default=dict, help_text="Recipients the server does not take it for, with its words.")
    subject = models.CharField(max_length=300)
    body = models.BinaryField(default=b"", help_text="The whole message; empty once it is delivered.")
    state = models.CharField(max_length=8, choices=MailState.choices, default=MailState.WAITING)
    error_code = models.CharField(max_length=80, blank=True, default="")
    last_error = models.CharField(max_length=500, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=MailState.values), name="mail_state_known")]
        indexes = [models.Index(fields=["state", "created_at"], name="mail_state_age")]

    def __str__(self) -> str:
        return self.subject
