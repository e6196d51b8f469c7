"""A person's use beside its limits, for the account page and for programs."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from uploads.admission import human_size
from uploads.attachments.room import attached_bytes

from .usage import usage_of


@dataclass(frozen=True, slots=True)
class Row:
    """One limit. `limit` is None where there is none; `text` says both for a person."""

    name: str
    label: str
    unit: str  # bytes | uploads
    used: int
    limit: int | None
    text: str


def rows_of(owner_id: int) -> list[Row]:
    """Return what a person uses of each limit."""
    used = usage_of(owner_id)
    return [
        _row("stored", "Stored", "bytes", used.stored, settings.UPLOAD_USER_QUOTA),
        _row("today", "Sent in the last 24 hours", "bytes", used.today, settings.UPLOAD_USER_DAILY),
        _row("attached", "Files in your tickets", "bytes", attached_bytes(owner_id), settings.UPLOAD_ATTACHMENT_QUOTA),
        _row("open", "Unfinished uploads", "uploads", used.open, settings.UPLOAD_USER_OPEN),
    ]


def _row(name: str, label: str, unit: str, used: int, limit: int) -> Row:
    def say(amount: int) -> str:
        return human_size(amount) if unit == "bytes" else f"{amount:,}"

    text = f"{say(used)} of {say(limit)}" if limit else say(used)
    return Row(name=name, label=label, unit=unit, used=used, limit=limit or None, text=text)
