"""That an upload's parts are sent straight to S3."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class DirectUpload(models.Model):
    """Addresses for parts of this upload are, or were, given out.

    `closed_at` is set when the server begins to write parts itself; from then on no address is given out any more, so that nobody
    writes under a part number that counts. The way back is closed for good: the server's parts have other sizes and numbers.
    """

    session = models.OneToOneField("uploads.UploadSession", on_delete=models.CASCADE, related_name="direct")
    part_size = models.BigIntegerField(default=0, help_text="Bytes of every part but the last; 0 where the client chooses and S3's first part says it.")
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "uploads"
        constraints = [models.CheckConstraint(condition=Q(part_size__gte=0), name="directupload_part_size")]

    def __str__(self) -> str:
        return f"direct parts of {self.session_id}"
