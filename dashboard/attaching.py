"""What the pages of tickets need to attach files: the limits, the catalogue's words for the scripts, and how a file's state reads."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from dashboard.uploading import UploadSettings, script_words
from support.models import AttachmentState, Ticket, TicketAttachment
from support.selectors import files_of
from uploads.admission import human_size
from uploads.attachments.policy import ALL_ENDINGS
from uploads.errors import ContinuedElsewhere, UploadExpired, UploadNotFound
from uploads.errors.attachments import KINDS_WE_TAKE, AttachmentEmpty, AttachmentTooLarge, AttachmentTypeRefused
from uploads.models import OPEN_SESSION_STATES, SessionState

CHUNK_BYTES = 2**20
STEPS = ("Uploading", "Checking", "Attached")
_WORDS = {
    "tooLarge": AttachmentTooLarge.entry,
    "wrongKind": AttachmentTypeRefused.entry,
    "empty": AttachmentEmpty.entry,
    "gone": UploadExpired.entry,
    "lost": UploadNotFound.entry,
    "elsewhere": ContinuedElsewhere.entry,
}


def attach_settings(ticket: Ticket | None) -> UploadSettings:
    """Args: ticket: None while it is not made; the script then puts its id in."""
    own = f"/api/v1/tickets/{ticket.public_id}/attachments/" if ticket else ""
    return UploadSettings(
        max_size=settings.UPLOAD_ATTACHMENT_MAX_SIZE,
        accept=",".join(f".{ending}" for ending in sorted(ALL_ENDINGS)),
        kinds=KINDS_WE_TAKE[:1].upper() + KINDS_WE_TAKE[1:],
        for_scripts={
            "endpoint": "/files/",
            "uploads": own,
            "videos": "",
            "help": "",  # asking for help is what this page is for
            "maxSize": settings.UPLOAD_ATTACHMENT_MAX_SIZE,
            "endings": sorted(ALL_ENDINGS),
            "chunkBytes": CHUNK_BYTES,
            "metadata": {"purpose": "attachment", "ticket": ticket.public_id if ticket else ""},
            "words": {name: script_words(entry) for name, entry in _WORDS.items()},
        },
    )


def files_context(ticket: Ticket) -> dict[str, Any]:
    """A ticket's files as its page shows them: those that are here or were refused, and those that stopped on their way."""
    files = [file for file in files_of(ticket) if file.upload.state != SessionState.ABORTED]
    busy = any(file.state in (AttachmentState.ARRIVING, AttachmentState.CHECKING) for file in files)
    return {
        "ticket": ticket,
        "files": [file for file in files if file.state != AttachmentState.ARRIVING],
        "unfinished": [file for file in files if file.upload.state in OPEN_SESSION_STATES],
        "files_state": "checking" if busy else "ready",
    }


def file_note(file: TicketAttachment) -> str:
    """A line about a file: its kind and size."""
    return " · ".join(part for part in (file.kind, human_size(file.upload.length or 0)) if part)
