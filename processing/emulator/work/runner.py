"""One job from its input in S3 to its outputs in S3.

1. What we do not make is refused before anything is read. 2. PROBING: fetch the input, say what it holds, plan. 3. TRANSCODING: one output after the
other, each of its own process. 4. UPLOADING: segments and films first, playlists last, so that nothing offers what is not there. 5. Only then COMPLETE.
A canceled job stops at the next look at its `stop`, within half a second; its playlists over all outputs are not written.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..faults import Fault
from ..state import Canceled, Job, Phase, Services
from . import envelopes, fast, inputs, storage, supported
from .codes import JobError, write_failure
from .gauge import Gauge, Stuck
from .made import Made
from .plan import Group, plan, wants
from .source import Source, check_codecs
from .transcode import Watching, transcode
from .writing import File, files_of

AT_ONCE = 4  # files on their way to S3
SLOW_TRIES = 5
ESTIMATED = ("mov,", "mpegts", "mxf")  # of other containers the service tells no percentage (API reference, Job.jobPercentComplete)
SLOW_SECONDS = 0.2
Finished = list[tuple[Group, list[Made]]]


class Worker:
    """Fulfils `state.Runnable`."""

    def __init__(self, job: Job, services: Services) -> None:
        self._job, self._services = job, services
        self._gauge = Gauge(job, services)
        self._s3 = storage.client("s3", services.options, region=job.region)

    def run(self) -> None:
        try:
            self._work()
        except Stuck:
            return
        except JobError as error:
            self._fail(error.code, error.message)
        except Canceled:
            raise
        except Exception as error:
            self._fail(1999, f"Unknown error: {type(error).__name__}")
            raise

    def _fail(self, code: int, message: str) -> None:
        if self._services.fail(self._job, code, message):
            self._services.emit(self._job, envelopes.error(self._job, self._now(), code, message))

    def _work(self) -> None:
        job, services = self._job, self._services
        services.progress(job, Phase.PROBING, 0)
        services.emit(job, envelopes.envelope(job, "PROGRESSING", self._now()))
        self._gauge.enter(Phase.PROBING)
        supported.check(job.settings)
        with inputs.workspace() as folder:
            source, path = self._probe(folder)
            groups = plan(job.settings, source)
            finished = self._transcode(groups, source, path, folder)
            self._upload(finished)
        if services.complete(job, envelopes.details_of(finished)):
            services.emit(job, envelopes.complete(job, self._now(), finished))

    def _probe(self, folder: Path) -> tuple[Source, Path]:
        if not self._job.inputs:
            raise JobError(1040, "/inputs/0/fileInput: a job without an input file is not supported by the emulator")
        url, check = self._job.inputs[0], self._gauge.check
        if self._services.options.fast:
            source, path = inputs.recall(self._s3, url, check), folder
        else:
            source, path = inputs.fetch(self._s3, url, folder, check)
        self._services.emit(self._job, envelopes.input_information(self._job, self._now(), source))
        self._gauge.estimated = source.container.startswith(ESTIMATED)
        video, audio = wants(self._job.settings)
        check_codecs(source, wants_video=video, wants_audio=audio)
        return source, path

    def _transcode(self, groups: Sequence[Group], source: Source, path: Path, folder: Path) -> Finished:
        self._gauge.enter(Phase.TRANSCODING)
        share = self._share()
        total = sum(output.weight for group in groups for output in group.outputs) or 1.0
        done, finished = 0.0, Finished()
        for group in groups:
            finished.append((group, []))
            for output in group.outputs:
                watching = Watching(self._gauge.check, self._teller(done / total, output.weight / total))
                if self._services.options.fast:
                    made = fast.made(output, source, watching, share=share)
                else:
                    place = folder / f"{len(finished)}-{len(finished[-1][1])}"
                    made = transcode(output, source, path, place, watching, share=share)
                finished[-1][1].append(made)
                done += output.weight
        return finished

    def _teller(self, begun: float, part: float) -> Any:
        decoded = self._gauge.frames

        def tell(share: float, frames: int) -> None:
            self._gauge.frames = decoded + frames
            self._gauge.tell(begun + part * share)

        return tell

    def _share(self) -> float:
        """How much of each output is made: all, unless the fault book asks for too little."""
        rule = self._services.faults.take(Fault.SHORT_OUTPUT, self._job.subject(phase=Phase.TRANSCODING.value))
        return 1.0 if rule is None else float(rule.params.get("share", 0.5))

    def _upload(self, finished: Finished) -> None:
        rule = self._services.faults.take(Fault.MISSING_OUTPUT, self._job.subject(phase=Phase.TRANSCODING.value))
        without = None if rule is None else int(rule.params.get("output", 0))
        self._gauge.enter(Phase.UPLOADING)
        media, lists = files_of(finished, without=without)
        total = len(media) + len(lists)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            put = map(self._put, media) if self._services.options.fast else pool.map(self._put, media)
            for number, _ in enumerate(put, 1):
                self._gauge.tell(number / total)
        for number, file in enumerate(lists, len(media) + 1):
            self._put(file)
            self._gauge.tell(number / total)

    def _put(self, file: File) -> None:
        if self._job.stop.is_set():
            raise Canceled
        for attempt in range(SLOW_TRIES):
            try:
                return storage.put(self._s3, file.bucket, file.key, file.body, content_type=file.content_type, acl=file.acl)
            except storage.SlowDown:
                self._warn(270000, f"S3 asked to slow down while writing [s3://{file.bucket}/{file.key}]; the job might stall")
                self._job.stop.wait(SLOW_SECONDS * 2**attempt)
        raise write_failure(f"s3://{file.bucket}/{file.key}", "SlowDown")

    def _warn(self, code: int, message: str) -> None:
        self._services.warn(self._job, code)
        self._services.emit(self._job, envelopes.new_warning(self._job, self._now(), code, message))

    def _now(self) -> float:
        return self._services.clock.now()


def canceled(job: Job, services: Services) -> None:
    """Emit the event of a job that was just canceled."""
    services.emit(job, envelopes.envelope(job, "CANCELED", services.clock.now()))
