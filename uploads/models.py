"""What arrives: a `Video` is what its owner sees; an `UploadSession` is one try at bringing its file in."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from resilience.ids import opaque_id
from uploads.direct.models import DirectUpload as DirectUpload
from uploads.limits.models import DeletedBytes as DeletedBytes
from uploads.store.s3.models import RemoteFile as RemoteFile  # tables of this app too
from uploads.store.s3.models import UploadPart as UploadPart


class VideoState(models.TextChoices):
    """The one state a person sees. The file's way in is `uploads`' to set, what follows is `processing`'s."""

    RECEIVING = "receiving"
    CHECKING = "checking"
    CONVERTING = "converting"
    READY = "ready"
    NEEDS_NEW_FILE = "needs_new_file", "needs a new file"
    BLOCKED = "blocked", "waiting for us"
    FAILED = "failed"
    CANCELED = "canceled"


class MediaKind(models.TextChoices):
    UNKNOWN = "", "not known yet"
    VIDEO = "video"
    AUDIO = "audio"


class Video(models.Model):
    """A person's video or audio. It outlives its files: a new file after a refusal goes to the same Video."""

    public_id = models.CharField(max_length=40, unique=True, editable=False, default=partial(opaque_id, "vid"))
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="videos")
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=VideoState.choices, default=VideoState.RECEIVING)
    media_kind = models.CharField(max_length=8, choices=MediaKind.choices, blank=True, default=MediaKind.UNKNOWN)
    duration_s = models.FloatField(null=True, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=80, blank=True, default="")
    error_fields = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=VideoState.values), name="video_state_known")]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="video_library"),
            models.Index(fields=["state", "updated_at"], name="video_state_age"),
        ]

    def __str__(self) -> str:
        return self.title


class SessionState(models.TextChoices):
    CREATING = "creating"
    RECEIVING = "receiving"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ABORTED = "aborted"
    EXPIRED = "expired"
    CORRUPT = "corrupt"


OPEN_SESSION_STATES = (SessionState.CREATING, SessionState.RECEIVING)
HOLDING_SESSION_STATES = (*OPEN_SESSION_STATES, SessionState.RECEIVED, SessionState.ACCEPTED)  # whose bytes are in our storage
COMPLETE_SESSION_STATES = (SessionState.RECEIVED, SessionState.ACCEPTED, SessionState.REJECTED)


class UploadRole(models.TextChoices):
    """What an upload is of its file: all of it, one of several parts sent side by side, or those parts put together (tus concatenation).

    One that is attached is all of a small file that belongs to something else than a video (`uploads.attachments`).
    """

    WHOLE = "", "a whole file"
    PART = "part", "part of a file"
    JOINED = "joined", "joined from parts"
    ATTACHED = "attached", "attached to something"


class UploadSession(models.Model):
    """One resumable upload. `committed` is the offset the world was told: it never decreases and never exceeds durable bytes.

    A part has no video: it is nothing a person would see, is not inspected, and expires even when it is complete. An attachment has none either.
    """

    public_id = models.CharField(max_length=40, unique=True, editable=False, default=partial(opaque_id, "upl"))
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="sessions", null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="upload_sessions")
    role = models.CharField(max_length=8, choices=UploadRole.choices, blank=True, default=UploadRole.WHOLE)
    parts = models.JSONField(default=list, blank=True, help_text="Primary keys of the parts a joined upload is made of, in order.")
    concat = models.TextField(blank=True, default="", help_text="Upload-Concat of a joined upload as given, sealed: it names secrets.")
    protocol = models.CharField(max_length=8, blank=True, default="tus", help_text="What it was created with: tus, or the IETF draft.")
    promised_digest = models.CharField(max_length=300, blank=True, default="", help_text="Repr-Digest the client gave for the whole file.")
    state = models.CharField(max_length=12, choices=SessionState.choices, default=SessionState.CREATING)
    length = models.BigIntegerField(null=True, blank=True, help_text="Bytes in all; empty while the client has not said.")
    committed = models.BigIntegerField(default=0)
    epoch = models.BigIntegerField(default=0, help_text="Fencing: each lease bumps it; only its holder may commit.")
    lease_owner = models.CharField(max_length=120, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    stop_epoch = models.BigIntegerField(default=0, help_text="The writer holding this epoch, or an older one, is asked to save and stop.")
    metadata = models.TextField(blank=True, default="", help_text="Upload-Metadata exactly as given.")
    file_name = models.CharField(max_length=255, blank=True, default="", help_text="Display text only, never a path.")
    declared_type = models.CharField(max_length=100, blank=True, default="")
    fingerprint = models.CharField(max_length=200, blank=True, default="")
    idempotency_key = models.CharField(max_length=200, blank=True, default="")
    storage_key = models.CharField(max_length=200, blank=True, default="", help_text="Relative to the store's root.")
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="Of the whole file, hexadecimal.")
    chain = models.CharField(max_length=64, blank=True, default="", help_text="Last value of the chain over its segments, hexadecimal.")
    probe = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=80, blank=True, default="")
    error_fields = models.JSONField(default=dict, blank=True)
    resumes = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    warned_at = models.DateTimeField(null=True, blank=True, help_text="Its owner was told that it expires soon. Bytes that came later make that stale.")
    received_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SessionState.values), name="session_state_known"),
            models.CheckConstraint(condition=~Q(role=UploadRole.PART) | Q(video__isnull=True), name="session_part_has_no_video"),
            models.CheckConstraint(condition=~Q(role=UploadRole.ATTACHED) | Q(video__isnull=True), name="session_attached_has_no_video"),
            models.CheckConstraint(condition=Q(committed__gte=0) & (Q(length__isnull=True) | Q(committed__lte=F("length"))), name="session_offset_in_length"),
            models.UniqueConstraint(fields=["owner", "idempotency_key"], condition=~Q(idempotency_key=""), name="session_idempotency_key"),
            models.UniqueConstraint(fields=["video"], condition=Q(state__in=OPEN_SESSION_STATES), name="session_one_open_per_video"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state__in=OPEN_SESSION_STATES), name="session_expiry"),
            models.Index(fields=["owner", "fingerprint"], condition=Q(state__in=OPEN_SESSION_STATES), name="session_unfinished"),
            models.Index(fields=["state", "updated_at"], name="session_state_age"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.file_name})"

    @property
    def its_video(self) -> Video:
        """The video this upload is for. Signals only ever tell of uploads that have one; parts have none."""
        if self.video is None:
            raise Video.DoesNotExist
        return self.video


class ResumeToken(models.Model):
    """The authority over one upload session. The secret is shown once and stored as its SHA-256."""

    session = models.ForeignKey(UploadSession, on_delete=models.CASCADE, related_name="tokens")
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list, help_text="Any of append, status, cancel.")
    generation = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(help_text="Slides with use.")
    absolute_expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    superseded = models.BooleanField(default=False, help_text="It was revoked because a newer one was issued.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "generation"], name="resumetoken_generation_unique")]

    def __str__(self) -> str:
        return f"token {self.generation} of {self.session_id}"


class UploadSegment(models.Model):
    """What one commit covers, written by the statement that moves the offset. Kept until the digest of the whole file is known."""

    session = models.ForeignKey(UploadSession, on_delete=models.CASCADE, related_name="segments", db_index=False)  # the unique rule has one
    start = models.BigIntegerField(help_text="Bytes from the start of the file.")
    length = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    chain = models.CharField(max_length=64, help_text="Ties this segment to all before it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "start"], name="uploadsegment_start_unique"),
            models.CheckConstraint(condition=Q(start__gte=0) & Q(length__gt=0), name="uploadsegment_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.length} bytes from {self.start} of {self.session_id}"
