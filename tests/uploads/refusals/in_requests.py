"""Requests that cannot be acted on as they are."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from django.test import Client

from tests.uploads.client import OFFSET_TYPE, patch, request
from tests.uploads.refusals.cases import END, Steps, case
from tests.uploads.refusals.world import DRAFT, HELD, LENGTH, Told, World
from tests.uploads.server import metadata
from uploads.errors import UploadBusy
from uploads.services import create

ZEROS = {size: base64.b64encode(bytes(size)).decode() for size in (20, 32)}


def by_post(code: str, **given: Any) -> None:
    """A creation that is refused as it stands."""

    def run(world: World) -> Steps:
        yield
        return world.refused_post(**given)

    run.__name__ = "post_" + "_".join(given).lower()
    case(code)(run)


def by_patch(code: str, body: bytes = b"world", offset: int = len(HELD), **given: Any) -> None:
    """An append that is refused as it stands."""

    def run(world: World) -> Steps:
        created = world.begun()
        yield
        return world.refused_patch(created, offset, body, **given)

    run.__name__ = "patch_" + "_".join(given).lower()
    case(code)(run)


BODY = {"body": HELD, "Content_Type": OFFSET_TYPE}
by_post("UPLOAD_VERSION_UNSUPPORTED", version="0.2.2", Upload_Length="5")
by_post("UPLOAD_HEADER_INVALID", Upload_Length="-1")
by_post("UPLOAD_LENGTH_UNKNOWN")
by_post("UPLOAD_METADATA_INVALID", Upload_Length="5", Upload_Metadata=",a YQ==")
by_post("UPLOAD_MEDIA_TYPE_WRONG", Upload_Length="5", body=HELD, Content_Type="text/plain")
by_post("UPLOAD_BEYOND_LENGTH", Upload_Length="3", **BODY)
by_post("UPLOAD_BEYOND_LENGTH", Upload_Length="3", chunked=True, **BODY)
by_post("UPLOAD_BEYOND_LENGTH", **DRAFT, Upload_Complete="?0", Upload_Length="3", chunked=True, body=HELD)
by_post("UPLOAD_TOO_LARGE", Upload_Length=str(2**62))
by_post("UPLOAD_CHECKSUM_UNKNOWN", Upload_Length="5", Upload_Checksum="md5 AAAA", **BODY)
by_post("UPLOAD_CHECKSUM_MISMATCH", Upload_Length="5", Upload_Checksum=f"sha1 {ZEROS[20]}", **BODY)
by_post("UPLOAD_DIGEST_MISMATCH", Upload_Length="5", Content_Digest=f"sha-256=:{ZEROS[32]}:", **BODY)
by_post("UPLOAD_LENGTH_INCONSISTENT", **DRAFT, Upload_Complete="?1", Upload_Length="9", body=HELD)
by_post("UPLOAD_LENGTH_INCONSISTENT", **DRAFT, Upload_Complete="?1", Upload_Length="9", chunked=True, body=HELD)
by_post("UPLOAD_PARTS_UNUSABLE", Upload_Concat="final;/files/upt_" + "x" * 43)
by_post("AUTH_REQUIRED", Authorization="Token nonsense", Upload_Length="5")
by_post("NOT_FOUND", Upload_Length="5", Upload_Metadata=metadata(video="vid_00000000000000000000"))
by_patch("UPLOAD_VERSION_UNSUPPORTED", version="0.2.2")
by_patch("UPLOAD_HEADER_INVALID", Upload_Length="1.5")
by_patch("UPLOAD_MEDIA_TYPE_WRONG", Content_Type="video/mp4")
by_patch("UPLOAD_OFFSET_MISMATCH", offset=3)
by_patch("UPLOAD_BEYOND_LENGTH", body=bytes(LENGTH))
by_patch("UPLOAD_BEYOND_LENGTH", body=bytes(LENGTH), chunked="yes")
by_patch("UPLOAD_CHECKSUM_UNKNOWN", Upload_Checksum="md5 AAAA")
by_patch("UPLOAD_CHECKSUM_MISMATCH", Upload_Checksum=f"sha1 {ZEROS[20]}")
by_patch("UPLOAD_DIGEST_MISMATCH", Content_Digest=f"sha-256=:{ZEROS[32]}:")
by_patch("UPLOAD_LENGTH_INCONSISTENT", Upload_Length="13")


@case("UPLOAD_BEYOND_LENGTH", END)
def the_draft_ends_an_upload_that_overflows(world: World) -> Steps:
    created = world.begun()
    yield
    headers = DRAFT | {"Upload_Complete": "?0", "Content_Type": "application/partial-upload", "Upload_Offset": "5"}
    return world.ask("PATCH", world.path(created), body=bytes(LENGTH), chunked=True, **headers)


@case("UPLOAD_TOO_LARGE")
def a_recording_without_an_end(world: World) -> Steps:
    world.settings.UPLOAD_MAX_SIZE = 4
    yield
    return world.refused_post(Upload_Defer_Length="1", **BODY)


@case("UPLOAD_FOREIGN_ORIGIN")
def a_cookie_from_elsewhere(world: World) -> Steps:
    browser = Client()
    browser.force_login(world.owner)
    yield
    return world.refused_post(Upload_Length="5", Authorization="", Cookie=f"sessionid={browser.cookies['sessionid'].value}", Sec_Fetch_Site="cross-site")


@case("UPLOAD_KEY_REUSED")
def a_key_for_two_files(world: World) -> Steps:
    assert world.post(Upload_Length="5", Idempotency_Key="k").status == 201
    yield
    return world.refused_post(Upload_Length="6", Idempotency_Key="k")


@case("UPLOAD_RANGE_INVALID")
def a_range_outside(world: World) -> Steps:
    path = world.path(world.begun(len(HELD)))
    assert asyncio.run(request("GET", path)).body == HELD
    yield
    return world.ask("GET", path, Range="bytes=9-")


@case("UPLOAD_FILE_DIFFERS", END)
def a_file_that_is_not_the_one_promised(world: World) -> Steps:
    created = world.begun(promised_digest=f"sha-256=:{ZEROS[32]}:")
    yield
    return world.refused_patch(created, len(HELD), bytes(LENGTH - len(HELD)))


@case("UPLOAD_PARTS_UNFINISHED")
def a_part_that_is_short(world: World) -> Steps:
    short = world.post(Upload_Concat="partial", Upload_Length="9", **BODY)
    yield
    return world.refused_post(Upload_Concat=f"final;{short.headers['location']}")


@case("UPLOAD_JOINED_READ_ONLY")
def more_for_a_joined_file(world: World) -> Steps:
    path = world.post(Upload_Concat=f"final;{world.part(HELD)}").headers["location"]
    yield
    return Told.by(asyncio.run(patch(path, 5, b"x")))


@case("UPLOAD_PART_IN_USE")
def canceling_a_part_that_is_being_joined(world: World) -> Steps:
    def busy(public_id: str) -> None:
        raise UploadBusy

    world.monkeypatch.setattr(create, "join_parts", busy)
    part = world.part(HELD)
    assert world.post(Upload_Concat=f"final;{part}").status == 201
    yield
    return world.ask("DELETE", part)
