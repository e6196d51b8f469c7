"""What keeps a browser from recording. The pages say these by themselves: nothing was sent yet."""

from __future__ import annotations

from typing import Any

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button

_AGAIN = button("Try again", "record")
_THEIRS: dict[str, Any] = {"category": Category.INPUT, "fault": Fault.USER, "retry": Retry.AFTER_CHANGE, "severity": "info", "guide": "record-in-the-browser"}


class RecordingNotAllowed(AppError):
    entry = Entry(
        code="RECORDING_NOT_ALLOWED",
        title="Your browser does not let us record",
        what_happened="The camera, the microphone or the screen was not shared with this page. Allow it beside the address of the page, then try again.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=403, **_THEIRS,
    )  # fmt: skip


class RecordingNoDevice(AppError):
    entry = Entry(
        code="RECORDING_NO_DEVICE",
        title="There is nothing here to record with",
        what_happened="Your browser finds no camera or no microphone. Plug one in or turn it on, then try again; or record with sound alone.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=422, **_THEIRS,
    )  # fmt: skip


class RecordingFailed(AppError):
    entry = Entry(
        code="RECORDING_FAILED",
        title="The recording could not go on",
        what_happened="The camera, the microphone or the screen stopped, or another program is using it. What was recorded before that is kept.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=409, **_THEIRS,
    )  # fmt: skip


class RecordingEmpty(AppError):
    entry = Entry(
        code="RECORDING_EMPTY",
        title="Nothing was recorded",
        what_happened="The recording was stopped before there was any picture or sound in it. Nothing was sent.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=422, **_THEIRS,
    )  # fmt: skip
