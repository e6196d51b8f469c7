"""Settings of jobs, a source to plan for, and services that keep what a worker tells them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from processing.emulator.clock import Clock
from processing.emulator.faults import FaultBook, rule_of
from processing.emulator.journal import Journal
from processing.emulator.state import ENDED, Canceled, Job, Options, Phase, Status
from processing.emulator.work import Worker
from processing.emulator.work.source import Source, Track

SELECTOR = "Audio Selector 1"
INPUT = "s3://holdfast-uploads/uploads/abc/film.mp4"
FILM = "s3://holdfast-uploads/in/film.mp4"  # of the fixture
OUT = "s3://holdfast-uploads/out/"


def source(*, width: int = 320, height: int = 180, fps: int = 30, seconds: float = 3.0, sounds: int = 1, rotation: int = 0, **more: Any) -> Source:
    picture = Track(0, "video", "h264", {"sar": [1, 1]}) if width else None
    heard = tuple(Track(number, "audio", "aac", {}) for number in range(1, sounds + 1))
    tracks = ((picture,) if picture else ()) + heard
    given = {"url": INPUT, "size": 1000, "container": "mov,mp4", "duration_s": seconds, "raw": {"decoded": True}} | more
    return Source(tracks=tracks, picture=picture, sounds=heard, width=width, height=height, rotation=rotation, fps=Fraction(fps), **given)


def h264(**more: Any) -> dict[str, Any]:
    """A VideoDescription by QVBR; what is given goes to where it belongs."""
    outer = {name: more.pop(name) for name in ("Width", "Height", "ScalingBehavior") if name in more}
    settings = {"RateControlMode": "QVBR", "MaxBitrate": 300_000, "QvbrSettings": {"QvbrQualityLevel": 7}} | more
    return outer | {"CodecSettings": {"Codec": "H_264", "H264Settings": {name: value for name, value in settings.items() if value is not None}}}


def sound(**more: Any) -> list[dict[str, Any]]:
    aac = {"Bitrate": 96_000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48_000} | more
    return [{"AudioSourceName": SELECTOR, "CodecSettings": {"Codec": "AAC", "AacSettings": aac}}]


def captures(**more: Any) -> dict[str, Any]:
    frames = {"FramerateNumerator": 1, "FramerateDenominator": 1, "MaxCaptures": 10, "Quality": 80} | more
    return {"Width": 160, "Height": 90, "CodecSettings": {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": frames}}


def output(container: str, modifier: str = "", **more: Any) -> dict[str, Any]:
    return {"ContainerSettings": {"Container": container}} | ({"NameModifier": modifier} if modifier else {}) | more


def group(kind: str, destination: str, *outputs: dict[str, Any], **own: Any) -> dict[str, Any]:
    """Args: kind: Hls, Cmaf or File."""
    settings = {f"{kind}GroupSettings": {"Destination": destination, **({} if kind == "File" else {"SegmentLength": 2})} | own}
    return {"OutputGroupSettings": {"Type": f"{kind.upper()}_GROUP_SETTINGS", **settings}, "Outputs": list(outputs)}


def settings(*groups: dict[str, Any], url: str = INPUT, **input_: Any) -> dict[str, Any]:
    return {"Inputs": [{"FileInput": url, "AudioSelectors": {SELECTOR: {"DefaultSelection": "DEFAULT"}}} | input_], "OutputGroups": list(groups)}


def ladder(destination: str, *heights: int) -> dict[str, Any]:
    return group("Hls", destination, *(output("M3U8", f"_{height}", VideoDescription=h264(Height=height), AudioDescriptions=sound()) for height in heights))


class Kept:
    """Fulfils `state.Services`: changes jobs as the API does and keeps what it is told."""

    def __init__(self, options: Options = Options()) -> None:  # noqa: B008 (it is frozen)
        self.options, self.clock = options, Clock()
        self.faults, self.journal = FaultBook(), Journal(self.clock)
        self.events: list[dict[str, Any]] = []
        self.told: list[tuple[Phase, int | None]] = []
        self.heard: Callable[[Job, Phase], None] = lambda job, phase: None

    def fault(self, **rule: Any) -> None:
        self.faults.add([rule_of(rule)])

    def progress(self, job: Job, phase: Phase, percent: int | None = None) -> None:
        if job.status in ENDED:
            raise Canceled
        job.status, job.phase, job.percent = Status.PROGRESSING, phase, percent
        self.told.append((phase, percent))
        self.heard(job, phase)

    def complete(self, job: Job, details: list[dict[str, Any]]) -> bool:
        job.details = details
        return self._end(job, Status.COMPLETE)

    def fail(self, job: Job, code: int, message: str) -> bool:
        job.error_code, job.error_message = code, message
        return self._end(job, Status.ERROR)

    def _end(self, job: Job, status: Status) -> bool:
        if job.status in ENDED:
            return False
        job.status = status
        return True

    def warn(self, job: Job, code: int) -> None:
        job.warnings[code] = job.warnings.get(code, 0) + 1

    def emit(self, job: Job, event: dict[str, Any]) -> None:
        self.events.append(event)

    @property
    def statuses(self) -> list[str]:
        return [event["detail"]["status"] for event in self.events]


def job(wanted: dict[str, Any], **more: Any) -> Job:
    request = {"Settings": wanted, "UserMetadata": {"attempt_id": "a1"}} | more
    arn, queue = "arn:aws:mediaconvert:eu-west-1:123456789012:jobs/1-abc", "arn:aws:mediaconvert:eu-west-1:123456789012:queues/Default"
    return Job(
        id="1-abc", arn=arn, region="eu-west-1", account="123456789012", queue=queue, request=request, token="t", priority=0, created=0.0
    )  # fmt: skip


def run(kept: Kept, *groups: dict[str, Any], url: str = FILM, **request: Any) -> Job:
    one = job(settings(*groups, url=url), **request)
    Worker(one, kept).run()
    return one
