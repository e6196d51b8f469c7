"""What was asked for, and how far it is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from uploads.models import Video


class ExtraKind(models.TextChoices):
    DOWNLOAD = "download", "film to save"
    THUMBNAILS = "thumbnails", "pictures to seek by"


class ExtraState(models.TextChoices):
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class Extra(models.Model):
    """One file made of one rendition; its path is derived from that rendition's, so that the same thing is made once."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="extras")
    kind = models.CharField(max_length=12, choices=ExtraKind.choices)
    path = models.CharField(max_length=300, unique=True, help_text="Relative to the rendition store's root.")
    state = models.CharField(max_length=8, choices=ExtraState.choices, default=ExtraState.PENDING)
    size = models.BigIntegerField(default=0)
    error = models.TextField(blank=True, default="", help_text="Why it could not be made, for operators.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ExtraKind.values), name="extra_kind_known"),
            models.CheckConstraint(condition=Q(state__in=ExtraState.values), name="extra_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.video_id}"
