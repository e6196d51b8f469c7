"""Make one output with ffmpeg: watched, stopped at once when asked, its failure told in the service's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from processing.engines.base import EngineFailure
from processing.engines.local import process

from . import codes
from .codes import JobError
from .command import command, from_file, from_nothing
from .made import Made, collect
from .plan import Output
from .source import Source

SLOWEST = 40.0  # seconds of work for a second of film after which it is hopeless
LEAST_SECONDS = 900.0
SILENT_SECONDS = 120.0  # a busy machine is no fault of the job
ENDED_EARLY = "File ended prematurely"


@dataclass(frozen=True, slots=True)
class Watching:
    """What a transcode asks all the time. `check` raises to stop it; `tell` hears the share that is made (0 to 1) and the pictures so far."""

    check: Callable[[], None]
    tell: Callable[[float, int], None] = lambda share, frames: None


def transcode(output: Output, source: Source, path: Path, folder: Path, watching: Watching, *, share: float = 1.0) -> Made:
    """Make an output from an input on our disk.

    Args:
        share: how much of it (below 1: too short on purpose).

    Raises:
        JobError: the input is damaged, or we could not. Whatever `watching` raises: nothing of it runs any more.
    """
    seconds = share * source.duration_s if share < 1 else None
    return _make(command(ffmpeg(), from_file(path, output), output, folder, seconds=seconds), output, source, folder, watching)


def pretend(output: Output, source: Source, folder: Path, watching: Watching, *, share: float = 1.0) -> Made:
    """Make an output of the right shape, length and name from nothing."""
    seconds = max(0.1, share * source.duration_s)
    width, height = (source.width or 320, source.height or 180) if output.picture is not None else (16, 16)
    feed = from_nothing(output, width=width, height=height, seconds=seconds)
    return _make(command(ffmpeg(), feed, output, folder, quick=True), output, source, folder, watching)


def ffmpeg() -> str:
    found: str = imageio_ffmpeg.get_ffmpeg_exe()
    return found


def _make(line: Sequence[str], output: Output, source: Source, folder: Path, watching: Watching) -> Made:
    folder.mkdir(parents=True)
    limit = LEAST_SECONDS + SLOWEST * source.duration_s
    try:
        for news in process.run(line, watching, stall_s=SILENT_SECONDS, limit_s=limit):
            if isinstance(news, process.Finished):
                _judge(news, source)
            elif source.duration_s:
                watching.tell(min(1.0, news.out_time_s / source.duration_s), news.frames)
    except EngineFailure as failure:
        raise JobError(1522, f"Internal timeout: {failure.failure.message}") from failure
    try:
        return collect(output, folder, source_s=source.duration_s)
    except (OSError, ValueError) as error:
        raise JobError(1999, f"Unknown error: an output is not there ({error})") from error


def _judge(finished: process.Finished, source: Source) -> None:
    """Accept a process only if it ended well and did not speak of damage: a truncated input ends well, with a part of the film."""
    if finished.code < 0:
        raise JobError(1522, f"Internal timeout: the transcoder was killed by signal {-finished.code}")
    if finished.code != 0:
        raise codes.decode_failure(finished.tail, size=source.size)
    # What never said how long it is (a recording that was cut off) may end anywhere.
    words = "\n".join(line for line in finished.tail.splitlines() if not (source.measured and ENDED_EARLY in line))
    if found := codes.damage(words, size=source.size):
        raise found
