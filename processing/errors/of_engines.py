"""What goes wrong with a converter: nothing of it is the file's fault."""

from __future__ import annotations

from resilience.circuits.errors import CircuitOpen
from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Match

from .common import OURS, WE_GO_ON
from .partners import examples_of, said_of


class EngineBusy(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_BUSY",
        title="Converting takes longer than usual",
        what_happened="Our converters are busy or at their limit. Your file is safe and its turn comes by itself.",
        actions=(WE_GO_ON,),
        matches=(
            Match("engine", code="BUSY"),
            Match("os", code="ENOMEM"),
            Match("os", code="EAGAIN"),
            Match("ffmpeg", pattern="Cannot allocate memory"),
            Match("pyav", code="MemoryError"),
        ),
        examples=({"source": "os", "code": "ENOMEM", "message": ""}, {"source": "ffmpeg", "message": "Error initializing: Cannot allocate memory"}),
        runbook="Look at memory and at the number of media workers on the hosts that convert.",
        **OURS | {"category": Category.CAPACITY, "severity": "warning"},
    )


class DiskFull(AppError):
    entry = Entry(
        code="ENCODING_DISK_FULL",
        title="Converting takes longer than usual",
        what_happened="We ran out of room while converting. Your file is safe; we make room and go on by ourselves.",
        actions=(WE_GO_ON,),
        matches=(Match("ffmpeg", pattern=r"No space left on device"), Match("os", code="ENOSPC"), Match("os", code="EDQUOT")),
        examples=({"source": "ffmpeg", "message": "Error writing trailer: No space left on device"}, {"source": "os", "code": "ENOSPC", "message": ""}),
        runbook="Free space under VAR_DIR (work and renditions), then `manage.py recover`. Waiting jobs go on within five minutes.",
        **OURS | {"category": Category.CAPACITY, "severity": "critical"},
    )


class EngineFailed(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_FAILED",
        title="Something failed while converting",
        what_happened="A converter stopped in the middle of its work. Your file is safe and we try again by ourselves.",
        actions=(WE_GO_ON,),
        matches=(
            Match("ffmpeg", code="killed"),
            Match("os", code="EIO"),
            Match("engine", code="FAILED"),
            Match("engine", code="LOST"),
            *said_of("ENCODING_ENGINE_FAILED"),
        ),
        examples=(
            {"source": "ffmpeg", "code": "killed", "message": ""},
            {"source": "os", "code": "EIO", "message": ""},
            *examples_of("ENCODING_ENGINE_FAILED"),
        ),
        runbook="Read the attempt's own words. Killed from outside usually means the host ran out of memory: see the kernel's log.",
        **OURS | {"severity": "warning"},
    )


class EngineStalled(AppError):
    entry = Entry(
        code="ENCODING_STALLED",
        title="The conversion stood still",
        what_happened="A converter made no headway for too long, so we stopped it. Your file is safe and we try again by ourselves.",
        actions=(WE_GO_ON,),
        matches=(
            Match("engine", code="STALLED"),
            Match("pyav", code="TimeoutError"),
        ),
        examples=({"source": "engine", "code": "STALLED", "message": "no progress for 30 s"},),
        runbook="See whether the host's disks answer. The same file standing still again and again belongs with the ffmpeg project.",
        **OURS | {"severity": "warning"},
    )


class EngineMissing(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_MISSING",
        title="Your file waits for us",
        what_happened="A setting on our side keeps us from converting. We have been told, your file is safe, and it goes on as soon as that is put right.",
        actions=(WE_GO_ON, ASK_FOR_HELP),
        matches=(
            Match("engine", code="MISSING"),
            *(Match("os", code=code) for code in ("EACCES", "EPERM", "EROFS")),
            Match("ffmpeg", pattern=r"Unrecognized option|Option not found|Unknown encoder|Encoder not found|No such filter"),
        ),
        examples=({"source": "engine", "code": "MISSING", "message": "no ffmpeg"}, {"source": "ffmpeg", "message": "Unknown encoder 'libx264'"}),
        runbook="`manage.py doctor` says what is wrong with ffmpeg or with the setting ENGINES. Blocked jobs go on by themselves afterwards.",
        **OURS | {"severity": "critical"},
    )


class SlotsTaken(CircuitOpen):
    """The local engine does as many files at once as it may. To tasks it is what a circuit at rest is: come back later, no try spent."""

    entry = Entry(
        code="ENCODING_SLOTS_TAKEN",
        title="Converting takes longer than usual",
        what_happened="All our own converters are at work. Your file is safe and its turn comes by itself.",
        actions=(WE_GO_ON,),
        runbook="Nothing to do while it is short. Raise LOCAL_ENGINE_SLOTS if the machines have room, or add machines.",
        fields=("circuit",),
        **OURS | {"category": Category.CAPACITY, "severity": "info"},
    )

    def __init__(self, *, engine: str, retry_after: float) -> None:
        super().__init__(circuit=f"engine.{engine}", retry_after=retry_after)
