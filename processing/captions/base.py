"""What writes captions: something that listens to a sound file and says what it heard, now or when it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from django.conf import settings

from processing.captions.errors import CaptionsRefused
from resilience.circuits import circuit

CIRCUIT = "captions"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said from one moment to another, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """All that was said, and in which language (BCP 47; empty when the service does not say)."""

    cues: tuple[Cue, ...]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be listened to.

    Args:
        name: of this try, the same however often it is asked for: the service knows by it what it has begun already.
        folder: where this try may put files in the rendition store.
        seconds: how long the sound is.
        sound: makes the sound file (one channel, M4A) on this host, when it is needed.
        check: called between steps; raises to stop.
    """

    name: str
    folder: str
    seconds: float
    sound: Callable[[], Path]
    check: Callable[[], None]


class CaptionEngine(Protocol):
    def listen(self, work: Work) -> Heard | None:
        """Have it listened to, or ask how far that is. None: not done yet, ask again later. Safe to repeat.

        Raises:
            CaptionsAway: it did not answer; try again. CaptionsRefused: it will never take this. CircuitOpen: it was not asked, or the store is away.
        """
        ...

    def forget(self, name: str) -> None:
        """Remove what the service keeps of a try. One that it does not know is fine. Raises as `listen`."""
        ...


class Unknown(Exception):
    """The service knows nothing of that name."""


def guarded(ask: Callable[[], T]) -> T:
    """Make one call, if the circuit lets it."""
    return circuit(CIRCUIT, exclude=(CaptionsRefused, Unknown), fail_max=5, timeout=settings.CAPTIONS_SECONDS + 30).call(ask)


def engine(name: str) -> CaptionEngine:
    """Return the engine of a name.

    Raises:
        CaptionsRefused: there is none.
    """
    if name == "openai":
        from .openai import OpenAiEngine

        return OpenAiEngine()
    if name == "transcribe":
        from .transcribe import TranscribeEngine  # boto3 takes its time

        return TranscribeEngine()
    raise CaptionsRefused()
