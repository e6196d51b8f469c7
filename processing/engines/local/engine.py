"""The local engine: ffmpeg on this host, one process per rung, the lowest first, each finished rung a checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import structlog
from django.conf import settings

from processing.classify import ErrorClass, classify
from processing.engines.base import RAW_LIMIT, EngineFailure, Failure, News, Observation, Order, RungOutput, Watch, os_failures
from processing.ladder import Rung
from processing.store import put_file, put_folder
from resilience.circuits import CircuitOpen
from resilience.faults import point

from . import command, process, verify

log = structlog.get_logger(__name__)

DAMAGE = frozenset({ErrorClass.INPUT_CORRUPT, ErrorClass.INPUT_TRUNCATED})
ENDED_EARLY = "File ended prematurely"
POSTER = "poster.jpg"
POSTER_LIMIT_S = 20.0


class LocalEngine:
    """Implements `Engine`. Works in `WORK_DIR/<attempt>/`, which is nobody else's and may be removed whenever the attempt has ended."""

    def __init__(self, name: str) -> None:
        self.name = name

    def submit(self, order: Order) -> Observation:
        """Check that we have an ffmpeg and the whole source, and make an empty working folder."""
        find_ffmpeg()
        with os_failures():
            source = Path(order.source)
            present = source.stat().st_size if source.is_file() else 0
            if present != order.source_size:
                raise EngineFailure(Failure("engine", "SOURCE_LOST", f"{source.name} has {present} of {order.source_size} bytes"))
            shutil.rmtree(folder_of(order.attempt_id), ignore_errors=True)
            folder_of(order.attempt_id).mkdir(parents=True)
        return Observation(News.SUBMITTED)

    def observe(self, order: Order, watch: Watch) -> Iterator[Observation]:
        """Make the missing rungs, one after the other; the caller verifies each (`outputs`) before the next one starts."""
        total = order.done_weight + sum(rung.weight for rung in order.missing) or 1.0
        done = order.done_weight
        if order.needs_poster and (poster := self._poster(order, watch)):
            yield Observation(News.PROGRESSING, phase="poster", poster=poster)
        for rung in order.missing:
            yield Observation(News.PROGRESSING, percent=100 * done / total, phase=rung.name)
            for share in self._make(order, rung, watch):
                yield Observation(News.PROGRESSING, percent=100 * (done + share * rung.weight) / total, phase=rung.name)
            done += rung.weight
            yield Observation(News.RUNG_WRITTEN, percent=100 * done / total, phase=rung.name, rung=rung.name)
        yield Observation(News.COMPLETE, percent=100.0)

    def outputs(self, order: Order, rung: Rung, watch: Watch) -> RungOutput:
        folder = folder_of(order.attempt_id) / rung.name
        point("processing.local.written")
        found = verify.measure(folder, watch)
        fault = verify.fault_in(found, verify.expected(order.probe, rung), salvage=order.salvage)
        if fault:
            raise EngineFailure(Failure("verify", rung.name, fault, found.get("duration_s")))
        point("processing.local.verified")
        prefix = f"{order.prefix}/{rung.name}"
        with os_failures():
            size = put_folder(folder, prefix, last=command.PLAYLIST, check=watch.check)
        return RungOutput(
            rung=rung.name,
            path=f"{prefix}/{command.PLAYLIST}",
            size=size,
            duration_s=found["duration_s"],
            bitrate=found["bitrate"],
            codecs=found["codecs"],
            width=found["width"],
            height=found["height"],
        )

    def cancel(self, order: Order) -> None:
        point("processing.local.before_cleaning")
        # The process itself ends by its watch; this removes what it had written so far.
        shutil.rmtree(folder_of(order.attempt_id), ignore_errors=True)

    def _make(self, order: Order, rung: Rung, watch: Watch) -> Iterator[float]:
        """Run ffmpeg for one rung; yield the share of it that is made, 0 to 1."""
        folder = folder_of(order.attempt_id) / rung.name
        with os_failures():
            folder.mkdir(parents=True, exist_ok=True)
        strict, sound = not order.salvage, bool(order.probe.get("audio"))
        hold_s = float((order.probe.get("video") or {}).get("hold_s") or 0)
        line = command.rung_command(
            find_ffmpeg(), source=order.source, rung=rung, folder=folder, threads=settings.FFMPEG_THREADS, strict=strict, sound=sound, hold_s=hold_s
        )
        duration = float(order.probe.get("duration_s") or 0)
        limit = 3600 + 20 * duration if duration else None
        for news in process.run(line, watch, limit_s=limit):
            if isinstance(news, process.Finished):
                _judge(news, salvage=order.salvage, ends_anywhere=bool(order.probe.get("measured")))
            elif duration:
                yield min(0.99, news.out_time_s / duration)

    def _poster(self, order: Order, watch: Watch) -> str:
        """Grab a picture a little way in, or the first there is; return its path in the store. A video without one is fine."""
        if all(rung.is_audio for rung in order.missing):
            return ""
        target = folder_of(order.attempt_id) / POSTER
        for at_s in (float(order.probe.get("duration_s") or 0) * 0.1, 0.0):
            try:
                line = command.poster_command(find_ffmpeg(), source=order.source, target=target, at_s=at_s)
                for _ in process.run(line, watch, limit_s=POSTER_LIMIT_S):
                    watch.check()
                if target.is_file() and target.stat().st_size:
                    put_file(target, f"{order.prefix}/{POSTER}")
                    point("processing.local.poster_put")
                    return f"{order.prefix}/{POSTER}"
            except (EngineFailure, OSError, CircuitOpen):
                log.warning("engine.local.no_poster", attempt=order.attempt_id, exc_info=True)
        return ""


def find_ffmpeg() -> str:
    """Return the path of the ffmpeg to use.

    Raises:
        EngineFailure: there is none.
    """
    if settings.FFMPEG:
        return str(settings.FFMPEG)
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as missing:
        raise EngineFailure(Failure("engine", "MISSING", str(missing))) from missing


def folder_of(attempt_id: str) -> Path:
    return Path(settings.WORK_DIR) / attempt_id


def _judge(finished: process.Finished, *, salvage: bool, ends_anywhere: bool = False) -> None:
    """Accept a process only if it said it went well and did not speak of damage; on a salvage pass damage is expected.

    Args:
        ends_anywhere: the source never said how long it was to be (a recording that was cut off): its early end is no damage.

    Other complaints (a muxer's about timestamps, say) are left to the check of what was made.

    Raises:
        EngineFailure: it did not.
    """
    code = "killed" if finished.code < 0 else str(finished.code)
    tail = finished.tail
    if ends_anywhere:
        tail = "\n".join(line for line in tail.split("\n") if ENDED_EARLY not in line)
    failure = Failure("ffmpeg", code, tail[:RAW_LIMIT], finished.last.out_time_s or None)
    if finished.code != 0 or (not salvage and classify(failure).error_class in DAMAGE):
        raise EngineFailure(failure)
