"""What S3 holds of an upload, as rows. They change only in the transaction that moves the offset, so the two never disagree."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class RemoteFile(models.Model):
    """Where the bytes of one upload are in the bucket.

    They are, in this order: the session's `remote_parts` by number, then the tail object, if there is one. Once `object_key` is set,
    that object holds all of them and nothing else does.

    A part number is reserved (`next_part`) before anything is sent under it and is never used by two writers: what a fenced one still
    sends can overwrite nothing that was counted. How they are spent: `numbers`.
    """

    session = models.OneToOneField("uploads.UploadSession", on_delete=models.CASCADE, related_name="remote_file")
    part_size = models.BigIntegerField(help_text="Bytes of every part but the last.")
    upload_id = models.CharField(max_length=400, blank=True, default="", help_text="Of the multipart upload; empty before the first part.")
    next_part = models.PositiveIntegerField(default=1, help_text="The lowest part number nobody has reserved.")
    tail_key = models.CharField(max_length=500, blank=True, default="", help_text="The object with the bytes behind the last part.")
    tail_size = models.BigIntegerField(default=0)
    tail_md5 = models.CharField(max_length=32, blank=True, default="")
    object_key = models.CharField(max_length=500, blank=True, default="", help_text="The object with the whole file, once it is put together.")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "uploads"
        constraints = [models.CheckConstraint(condition=Q(tail_size__gte=0) & Q(part_size__gt=0), name="remotefile_sizes")]

    def __str__(self) -> str:
        return f"remote file of {self.session_id}"


class UploadPart(models.Model):
    """One part that S3 has acknowledged and that counts. Offset and size in bytes; `md5` in hexadecimal, empty where we did not see the bytes."""

    session = models.ForeignKey("uploads.UploadSession", on_delete=models.CASCADE, related_name="remote_parts")
    number = models.PositiveIntegerField()
    offset = models.BigIntegerField()
    size = models.BigIntegerField()
    etag = models.CharField(max_length=100, help_text="Without its quotes.")
    md5 = models.CharField(max_length=32, blank=True, default="")

    class Meta:
        app_label = "uploads"
        constraints = [
            models.UniqueConstraint(fields=["session", "number"], name="uploadpart_number"),
            models.UniqueConstraint(fields=["session", "offset"], name="uploadpart_offset"),
            models.CheckConstraint(condition=Q(number__gte=1) & Q(number__lte=10_000) & Q(offset__gte=0) & Q(size__gt=0), name="uploadpart_possible"),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of {self.session_id}"
