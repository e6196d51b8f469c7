"""What an engine is: something that turns a source into rungs and tells us how it goes. Chosen by name from a job's chain."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from processing.ladder import Rung

RAW_LIMIT = 4_000  # characters kept of an engine's own words


class News(StrEnum):
    """Kinds of observation. `RUNG_READY` carries a verified rung; the last three end an attempt."""

    SUBMITTED = "submitted"
    PROGRESSING = "progressing"
    RUNG_WRITTEN = "rung_written"
    RUNG_READY = "rung_ready"
    COMPLETE = "complete"
    ERROR = "error"
    CANCELED = "canceled"


RANK = {News.SUBMITTED: 1, News.PROGRESSING: 2, News.RUNG_WRITTEN: 2, News.RUNG_READY: 2, News.COMPLETE: 3, News.ERROR: 3, News.CANCELED: 3}
ENDED_RANK = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended badly, in the engine's own words.

    Args:
        source: who says so: ffmpeg, verify, os, engine; later botocore, mediaconvert.
        code: its code, if it has one.
        message: its words; never shown to users.
        at_s: how many seconds of the source came through before, if known.
    """

    source: str
    code: str = ""
    message: str = ""
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class RungOutput:
    """One verified rung in the rendition store. Sizes in bytes and pixels, rates in bits per second (peak)."""

    rung: str
    path: str
    size: int
    duration_s: float
    bitrate: int
    codecs: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One piece of news of an attempt, from a poll, an event or the engine itself."""

    news: News
    percent: float | None = None
    phase: str = ""
    external_id: str = ""
    rung: str = ""
    output: RungOutput | None = None
    poster: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What an attempt is asked to do.

    Args:
        attempt_id, job_id, video_id: public ids.
        source: path of the source on this host; for an engine elsewhere, the address it reads.
        source_size: bytes it must have.
        missing: rungs still to make, lowest first.
        done_weight: weight of the rungs that are made already (for the percentage).
        prefix: where in the rendition store this attempt may write.
        salvage: be lenient with a damaged source.
        needs_poster: nobody made a poster for this job yet.
        accelerated: an engine that has a faster way which not every source fits may take it.
    """

    attempt_id: str
    job_id: str
    video_id: str
    source: str
    source_size: int
    probe: dict[str, Any]
    missing: tuple[Rung, ...]
    prefix: str
    done_weight: float = 0.0
    salvage: bool = False
    needs_poster: bool = False
    external_id: str = ""
    accelerated: bool = True


class EngineFailure(Exception):
    """An engine could not do what an order asks. Carries the `Failure` that gets classified."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.source} {failure.code}: {failure.message[:200]}")


@contextmanager
def os_failures() -> Iterator[None]:
    """Turn what a disk or a store says in the block into a failure that can be classified.

    Raises:
        EngineFailure: in the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise EngineFailure(Failure("os", errno.errorcode.get(error.errno or 0, ""), str(error))) from error


class Stopped(Exception):
    """We stopped an attempt on purpose: its lease is lost, or it was canceled or superseded. Nothing may be written for it any more."""


class Watch(Protocol):
    """How a running engine learns that it must stop."""

    def check(self) -> None:
        """Return if the attempt may go on. Cheap: it may be called many times a second.

        Raises:
            Stopped: it may not.
        """
        ...


class Engine(Protocol):
    """The seam every converter fits in. Engines know nothing of tables; they are told to stop by a `Watch`."""

    name: str

    def submit(self, order: Order) -> Observation:
        """Take the order on and return the first news of it.

        Raises:
            EngineFailure: the order cannot be taken on.
        """
        ...

    def observe(self, order: Order, watch: Watch) -> Iterator[Observation]:
        """Yield what is new, up to `RUNG_WRITTEN` for each rung and `COMPLETE`. One that runs elsewhere yields what it knows and ends.

        Raises:
            EngineFailure: it failed. Stopped: the watch said so; nothing of it runs any more.
        """
        ...

    def outputs(self, order: Order, rung: Rung, watch: Watch) -> RungOutput:
        """Verify what was written for a rung, put it into the rendition store and describe it. Does not trust the engine's own success.

        Raises:
            EngineFailure: the rung is not what was ordered. Stopped: the watch said so.
        """
        ...

    def cancel(self, order: Order) -> None:
        """Stop the order if it runs anywhere and remove what it left outside the rendition store. Safe to repeat."""
        ...


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """What an engine elsewhere says of one of its jobs.

    Args:
        attempt_id: public id of the attempt it was made for, as we told it; may be anybody's or nobody's.
        created_at: by the engine's clock.
        observation: how it goes.
    """

    external_id: str
    attempt_id: str
    created_at: datetime
    observation: Observation


class RemoteEngine(Engine, Protocol):
    """An engine that works elsewhere: it is asked to begin and goes on by itself; nothing of ours runs meanwhile."""

    def create(self, order: Order, *, begin_seconds: float) -> RemoteJob:
        """Have a job made for an order. Two requests for the same attempt within a minute make one job.

        Args:
            begin_seconds: nothing is sent later than so many seconds from now.

        Raises:
            EngineFailure: refused or never sent (`client.CallFailed` says which, and where nobody knows). CircuitOpen: never sent.
        """
        ...

    def look(self, external_id: str) -> RemoteJob:
        """Ask how a job goes. One that the engine does not know is news too: ERROR, from `engine`, LOST.

        Raises:
            EngineFailure: not answered. CircuitOpen: not asked.
        """
        ...

    def find(self, attempt_id: str, source: str) -> list[RemoteJob]:
        """Return the jobs the engine has for an attempt, the oldest first. Raises as `look`.

        Args:
            source: name of its source, which no other upload has.
        """
        ...

    def stop(self, external_id: str) -> None:
        """Cancel a job. One that has ended, or is not known, is fine. Raises as `look`."""
        ...
