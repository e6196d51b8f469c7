"""Files that are not taken for what they are."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from typing import Any

from tests import media
from tests.uploads.client import OFFSET_TYPE
from tests.uploads.refusals.cases import END, PREFIX, Steps, case
from tests.uploads.refusals.world import World
from tests.uploads.server import metadata
from uploads.errors import ChecksDelayed
from uploads.inspection import probe as probing
from uploads.inspection.probe import Probe
from uploads.services import inspect
from uploads.services.abort import abort_upload

MIB = 2**20
TEXT = b"<p>Hello</p>" * 10_000


@case("UPLOAD_TYPE_REFUSED")
def a_page(world: World) -> Steps:
    world.settings.UPLOAD_ACCEPT = "media"
    yield
    return world.refused_post(Upload_Length="5", Upload_Metadata=metadata(filename="page.html"))


@case("UPLOAD_EMPTY")
def nothing_at_all(world: World) -> Steps:
    world.settings.UPLOAD_ACCEPT = "media"
    yield
    return world.refused_post(Upload_Length="0", Upload_Metadata=metadata(filename="a.mp4"))


def by_start(code: str, start: bytes, *, with_creation: bool = False) -> None:
    """A file whose first bytes give it away."""

    def run(world: World) -> Steps:
        world.settings.UPLOAD_ACCEPT = "media"
        created = world.begun(10 * MIB, held=b"")
        yield
        if not with_creation:
            return world.refused_patch(created, 0, start)
        abort_upload(created.session)
        return world.refused_post(Upload_Length=str(10 * MIB), Content_Type=OFFSET_TYPE, body=start, Upload_Metadata=metadata(filename="a.mp4"))

    run.__name__ = f"start_{'with' if with_creation else 'after'}_creation"
    case(code, END)(run)


by_start("UPLOAD_IS_TEXT", TEXT)
by_start("UPLOAD_IS_TEXT", TEXT, with_creation=True)
by_start("UPLOAD_IS_PICTURE", b"\x89PNG\r\n\x1a\n" + bytes(100_000))
by_start("UPLOAD_IS_DOCUMENT", b"%PDF-1.7\n" + bytes(100_000))
by_start("UPLOAD_NOT_MEDIA", hashlib.shake_256(b"junk").digest(100_000))


def by_inspection(code: str, data: Callable[[], bytes], **settings: Any) -> None:
    """A file that only its inspection can tell."""

    def run(world: World) -> Steps:
        session = world.arrived(data())
        for name, value in settings.items():
            setattr(world.settings, name, value)
        yield
        return world.inspected(session)

    run.__name__ = "inspected"
    case(code, END)(run)


by_inspection("UPLOAD_TRUNCATED", lambda: media.clip().read_bytes()[:-9000])
by_inspection("UPLOAD_UNREADABLE", lambda: b"\x1aE\xdf\xa3" + hashlib.shake_256(b"webm").digest(50_000))
by_inspection("UPLOAD_NO_TRACKS", lambda: b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\x00\x00\x00\x08free")
by_inspection("UPLOAD_TOO_LONG", lambda: media.clip().read_bytes(), MAX_DURATION_SECONDS=1.0)
by_inspection("UPLOAD_QUOTA_REACHED", lambda: media.clip().read_bytes(), UPLOAD_USER_QUOTA=10)


@case("UPLOAD_FORMAT_UNKNOWN", END)
def stored_in_a_way_nobody_plays(world: World) -> Steps:
    session = world.arrived(media.clip().read_bytes())
    world.monkeypatch.setattr(inspect, "probe", lambda path: Probe(error="unknown_format", details={}, decoded=False, late=False))
    yield
    return world.inspected(session)


@case("UPLOAD_CHECKS_DELAYED", PREFIX)
def a_look_that_takes_too_long(world: World) -> Steps:
    def hang(command: list[str], **options: Any) -> Any:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    session = world.arrived(media.clip().read_bytes())
    world.monkeypatch.setattr(probing.subprocess, "run", hang)
    yield
    try:
        return world.inspected(session)
    except ChecksDelayed as delayed:
        return world.raised(delayed)


@case("UPLOAD_CHECK_FAILED", PREFIX)
def a_look_that_cannot_be_had(world: World) -> Steps:
    session = world.arrived(media.clip().read_bytes())
    yield
    inspect.give_up(session.public_id)
    return world.card(session)
