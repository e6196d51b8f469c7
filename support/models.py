from __future__ import annotations

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from resilience.ids import opaque_id
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadSession, Video


class TicketState(models.TextChoices):
    OPEN = "open"
    WAITING_ON_US = "waiting_on_us", "waiting on us"
    WAITING_ON_USER = "waiting_on_user", "waiting on you"
    SOLVED = "solved"
    CLOSED = "closed"


LIVE_TICKET_STATES = (TicketState.OPEN, TicketState.WAITING_ON_US, TicketState.WAITING_ON_USER)


class Ticket(models.Model):
    """A person asked for help. Asking again about the same thing goes on with the same ticket."""

    public_id = models.CharField(max_length=40, unique=True, editable=False, default=partial(opaque_id, "tkt"))
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tickets")
    video = models.ForeignKey(Video, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets")
    subject = models.CharField(max_length=200)
    error_code = models.CharField(max_length=80, blank=True, default="")
    state = models.CharField(max_length=16, choices=TicketState.choices, default=TicketState.OPEN)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        permissions = [("answer_ticket", "Can answer a ticket and change its state")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=TicketState.values), name="ticket_state_known"),
            models.UniqueConstraint(
                fields=["owner", "video", "error_code"], condition=Q(state__in=LIVE_TICKET_STATES), nulls_distinct=False, name="ticket_one_live_per_subject"
            ),
        ]
        indexes = [models.Index(fields=["state", "updated_at"], name="ticket_state_age"), models.Index(fields=["owner", "-updated_at"], name="ticket_of_owner")]

    def __str__(self) -> str:
        return self.subject


class TicketMessage(models.Model):
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    from_staff = models.BooleanField(default=False)
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.body[:60]


class AttachmentState(models.TextChoices):
    """Where a file of a ticket is. Told by its upload: there is no second truth to fall out of step."""

    ARRIVING = "arriving"
    CHECKING = "checking"
    ATTACHED = "attached"
    REFUSED = "refused"
    GONE = "gone"


class TicketAttachment(models.Model):
    """A file of a ticket: tied when its upload begins, so that it is seen on its way; kept when it proved to be harmless."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="attachments")
    upload = models.OneToOneField(UploadSession, on_delete=models.CASCADE, related_name="attachment")
    attached_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.upload.file_name

    @property
    def state(self) -> AttachmentState:
        if self.upload.state in OPEN_SESSION_STATES:
            return AttachmentState.ARRIVING
        states = {
            SessionState.RECEIVED.value: AttachmentState.CHECKING,
            SessionState.ACCEPTED.value: AttachmentState.ATTACHED,
            SessionState.REJECTED.value: AttachmentState.REFUSED,
        }
        return states.get(self.upload.state, AttachmentState.GONE)

    @property
    def kind(self) -> str:
        """What its content is, in words; empty while nobody has looked."""
        return str(self.upload.probe.get("kind", ""))

    @property
    def address(self) -> str:
        """Where its owner and support staff get it, as a file to save."""
        return f"/tickets/{self.ticket.public_id}/files/{self.upload.public_id}/"


class Snapshot(models.Model):
    """What the system knew when help was asked for: built by the server, redacted, frozen."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="snapshots")
    schema = models.PositiveSmallIntegerField(default=1)
    data = models.JSONField()
    taken_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-taken_at"]

    def __str__(self) -> str:
        return f"snapshot of {self.ticket_id}"
