"""What people read: sentences of the timeline, titles and bodies of notifications. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from resilience.errors import CATALOGUE
from uploads.admission import human_size
from uploads.models import VideoState

_SHORT_TITLE = 80

# What a state says when it is reached, unless something more precise does (below).
_REACHED = {
    VideoState.CHECKING: "Checking the file",
    VideoState.CONVERTING: "Converting started",
    VideoState.READY: "Ready",
    VideoState.BLOCKED: "Waiting for us: this goes on by itself once a fault on our side is mended",
    VideoState.CANCELED: "Canceled",
    VideoState.NEEDS_NEW_FILE: "",  # told with its reason by whoever refused the file or ended the upload
}


def clock(moment: datetime) -> str:
    """A moment for people: 09:14 UTC."""
    return f"{moment.astimezone(UTC):%H:%M} UTC"


def quoted(title: str) -> str:
    """A video's title inside a sentence, shortened."""
    return f"“{title if len(title) <= _SHORT_TITLE else title[: _SHORT_TITLE - 1] + '…'}”"


def reason(code: str, fields: Mapping[str, Any]) -> str:
    """The catalogue's sentence about a stored error."""
    return CATALOGUE.get(code).sentence(fields)


def reached(before: str, state: str, *, code: str, fields: Mapping[str, Any]) -> str:
    """The timeline's sentence for a video going from one state to another; empty when there is nothing to say.

    Args:
        before: the state it had; empty for a video just made.
    """
    if before == state:
        return ""
    if state == VideoState.RECEIVING:
        return "Upload of a new file started" if before else "Upload started"
    if state == VideoState.CANCELED and before in (VideoState.RECEIVING, VideoState.CHECKING):
        return ""  # the end of the upload is told as that
    if state == VideoState.FAILED:
        return f"This did not work out: {reason(code, fields)}"
    return _REACHED[VideoState(state)]


def refused(code: str, fields: Mapping[str, Any]) -> str:
    return f"This file cannot be used: {reason(code, fields)}"


def received(length: int) -> str:
    return f"Upload received: {human_size(length)}"


def expires_soon(committed: int, length: int | None, expires_at: datetime) -> str:
    """What to know and do about an unfinished upload that is thrown away soon."""
    arrived = f"{human_size(committed)} of {human_size(length)}" if length is not None else human_size(committed)
    until = f"{expires_at.astimezone(UTC):%-d %B, %H:%M} UTC"
    return f"{arrived} arrived, and it is kept until {until}. Choose the same file again before then, and only what is missing is sent."


def first_version(rung: str) -> str:
    if not rung:
        return "First version ready to play"
    return f"First version ready to play ({'sound only' if rung == 'audio' else rung})"


def trying_again(retry_at: datetime | None) -> str:
    return f"Converting failed, trying again at {clock(retry_at)}" if retry_at else "Converting failed, trying again"
