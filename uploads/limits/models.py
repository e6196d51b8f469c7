"""What was sent today and is no longer there to be counted."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class DeletedBytes(models.Model):
    """Bytes of an upload whose video was deleted within a day of its beginning: deleting gives the room back, and not the day's share."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    amount = models.BigIntegerField(help_text="Bytes that arrived.")
    begun_at = models.DateTimeField(help_text="When the upload began, from where its day counts.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "uploads"
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="deletedbytes_some")]
        indexes = [
            models.Index(fields=["owner", "begun_at"], include=["amount"], name="deletedbytes_of_owner"),
            models.Index(fields=["begun_at"], include=["amount"], name="deletedbytes_of_all"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} bytes of {self.owner_id}"
