"""The captions of a file, and how far they are."""

from __future__ import annotations

from functools import partial

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from resilience.ids import opaque_id
from uploads.models import UploadSession, Video


class CaptionState(models.TextChoices):
    PENDING = "pending", "waiting"
    RUNNING = "running", "being written"
    READY = "ready"
    FAILED = "failed"


class Caption(models.Model):
    """The captions of one file of a video: another file of it has others. Conversions of the same file share them."""

    public_id = models.CharField(max_length=40, unique=True, editable=False, default=partial(opaque_id, "cap"))
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="captions")
    source = models.OneToOneField(UploadSession, on_delete=models.CASCADE, related_name="captions")
    engine = models.CharField(max_length=20, help_text="Who writes them: transcribe, openai.")
    state = models.CharField(max_length=8, choices=CaptionState.choices, default=CaptionState.PENDING)
    tries = models.PositiveIntegerField(default=0, help_text="How often they were begun anew: after a failure, by an operator.")
    external_id = models.CharField(max_length=200, blank=True, default="", help_text="The service's own name for the work.")
    language = models.CharField(max_length=20, blank=True, default="", help_text="As BCP 47 writes it: en, de-AT.")
    path = models.CharField(max_length=300, blank=True, default="", help_text="The WebVTT file, relative to the rendition store's root.")
    error_code = models.CharField(max_length=80, blank=True, default="")
    error_raw = models.TextField(blank=True, default="", help_text="The service's own words; never shown to users.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("retry_caption", "Can write captions again")]
        constraints = [models.CheckConstraint(condition=Q(state__in=CaptionState.values), name="caption_state_known")]
        indexes = [models.Index(fields=["state", "updated_at"], name="caption_state_age")]

    def __str__(self) -> str:
        return self.public_id
