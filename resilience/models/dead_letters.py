from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class GroupAction(models.TextChoices):
    REPLAY = "replay"
    DISCARD = "discard"


class GroupChange(models.Model):
    """An operator's wish for many dead letters at once, done batch by batch by a task. It takes those that were dead when it was asked for."""

    action = models.CharField(max_length=8, choices=GroupAction.choices)
    fingerprint = models.CharField(max_length=64, blank=True, default="", help_text="Only dead letters of this group; empty: of any.")
    kind = models.CharField(max_length=80, blank=True, default="", help_text="Only dead letters of this kind; empty: of any.")
    at_most = models.PositiveIntegerField(null=True, blank=True, help_text="How many at most; empty: all that match.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=500)
    asked_at = models.DateTimeField(db_default=Now())
    matched = models.PositiveIntegerField(default=0, help_text="Dead letters that matched when it was asked for.")
    batches = models.PositiveIntegerField(default=0)
    last_seen = models.UUIDField(null=True, blank=True, help_text="The last dead letter looked at; the next batch begins behind it.")
    done = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0, help_text="A newer task did the same work, or they had moved on.")
    ended_at = models.DateTimeField(null=True, blank=True)
    stopped = models.BooleanField(default=False, help_text="Ended by hand before it was through.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(action__in=GroupAction.values), name="groupchange_action_known"),
            models.CheckConstraint(condition=~Q(fingerprint="", kind=""), name="groupchange_chooses"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.kind or 'dead letters'} {self.fingerprint[:10]}".strip()
