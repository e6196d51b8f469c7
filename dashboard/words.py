"""How the pages say things: one place for the words and colours of states."""

from __future__ import annotations

from dataclasses import dataclass

from uploads.models import VideoState

STEPS = ("Uploading", "Received", "Checking", "Converting", "Ready")


@dataclass(frozen=True, slots=True)
class StateWords:
    """A state as a person reads it.

    Args:
        label: two or three words for a pill.
        tone: good, busy, warn, bad or calm: the colour.
        sentence: what is going on and whose move it is.
        step: how far along STEPS the file is (index of the step it is at; the last plus one when all are done).
    """

    label: str
    tone: str
    sentence: str
    step: int


VIDEO_STATES: dict[str, StateWords] = {
    VideoState.RECEIVING: StateWords("Uploading", "busy", "The file is on its way. What has arrived is kept, even if the line drops.", 0),
    VideoState.CHECKING: StateWords("Checking", "busy", "All of it has arrived. We are making sure that it can be played.", 2),
    VideoState.CONVERTING: StateWords("Converting", "busy", "We are making versions that play on any screen and any line.", 3),
    VideoState.READY: StateWords("Ready", "good", "Ready to play.", 5),
    VideoState.NEEDS_NEW_FILE: StateWords("Needs a new file", "bad", "This file cannot be used. It is your move: choose another one.", 2),
    VideoState.BLOCKED: StateWords("Waiting for us", "warn", "Something on our side has to be put right first. You need not do anything.", 3),
    VideoState.FAILED: StateWords("Could not be converted", "bad", "We tried every way we have and stopped. Your file is safe.", 3),
    VideoState.CANCELED: StateWords("Canceled", "calm", "This was stopped before it was done.", 0),
}

STOPPED_STATES = (VideoState.NEEDS_NEW_FILE, VideoState.FAILED, VideoState.CANCELED)


def steps(state: str) -> list[tuple[str, str]]:
    """Return each step with its mark: done, now, stopped or nothing yet."""
    at = VIDEO_STATES[state].step
    here = "stopped" if state in STOPPED_STATES else "now"
    return [(name, "done" if index < at else here if index == at else "") for index, name in enumerate(STEPS)]


TICKET_TONES = {"open": "busy", "waiting_on_us": "busy", "waiting_on_user": "warn", "solved": "good", "closed": "calm"}
TICKET_WORDS = {
    "open": "Waiting for our answer",
    "waiting_on_us": "Waiting for our answer",
    "waiting_on_user": "We answered: your move",
    "solved": "Solved",
    "closed": "Closed",
}
