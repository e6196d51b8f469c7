"""States of an upload, and of its line, in which a request cannot be done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from tests.uploads.client import Line, patch_line, request, until
from tests.uploads.refusals.cases import END, PREFIX, Steps, case
from tests.uploads.refusals.world import HELD, LENGTH, Told, World
from tests.uploads.server import metadata
from uploads.endpoint import drain
from uploads.models import RemoteFile, SessionState, UploadSession
from uploads.services.abort import abort_upload
from uploads.services.delete import delete_video
from uploads.services.expire import expire_uploads
from uploads.services.tokens import issue_token
from uploads.threads import database

MIB = 2**20
TEXT = b"<p>Hello</p>" * 10_000


@case("UPLOAD_NOT_FOUND")
def a_secret_nobody_gave_out(world: World) -> Steps:
    yield
    return world.ask("GET", "/files/upt_" + "x" * 43)


@case("METHOD_NOT_ALLOWED")
def a_verb_nobody_knows(world: World) -> Steps:
    path = world.path(world.begun())
    yield
    return world.ask("PUT", path)


@case("UPLOAD_SCOPE_MISSING")
def an_address_made_for_less(world: World) -> Steps:
    secret = issue_token(world.begun().session, scopes=("status",))
    yield
    return world.ask("DELETE", f"/files/{secret}")


@case("UPLOAD_CONTINUED_ELSEWHERE")
def an_address_replaced_by_a_newer_one(world: World) -> Steps:
    created = world.begun()
    issue_token(created.session)
    yield
    return world.refused_patch(created, len(HELD), b"x")


@case("UPLOAD_CANCELED")
def a_canceled_upload(world: World) -> Steps:
    created = world.begun()
    abort_upload(created.session)
    assert world.stored() == {}
    yield
    return world.refused_patch(created, len(HELD), b"x")


@case("UPLOAD_REFUSED")
def a_file_refused_before(world: World) -> Steps:
    world.settings.UPLOAD_ACCEPT = "media"
    created = world.begun(10 * MIB, held=b"")
    assert world.patch(created, 0, TEXT).status == 415
    assert world.stored() == {}
    yield
    return world.refused_patch(created, 0, b"x")


@case("UPLOAD_EXPIRED")
def an_upload_whose_time_is_over(world: World) -> Steps:
    created = world.begun()
    UploadSession.objects.filter(pk=created.session.pk).update(expires_at=Now() - timedelta(seconds=1))
    assert expire_uploads() == 1
    assert world.stored() == {}
    yield
    return world.refused_patch(created, len(HELD), b"x")


@case("UPLOAD_CORRUPT")
def bytes_that_we_lost(world: World) -> Steps:
    created = world.begun()
    if world.s3 is not None:
        world.s3.client.delete_object(Bucket=world.s3.bucket, Key=RemoteFile.objects.get().tail_key)
    else:
        (world.folder / created.session.storage_key).write_bytes(b"")
    assert world.patch(created, len(HELD), b"x").problem["code"] == "UPLOAD_CORRUPT"
    yield
    return world.refused_patch(created, len(HELD), b"x")


@case("UPLOAD_BUSY")
def an_upload_that_is_being_made(world: World) -> Steps:
    created = world.begun(held=b"")
    UploadSession.objects.filter(pk=created.session.pk).update(state=SessionState.CREATING)
    yield
    return world.refused_patch(created, 0, b"x")


def interrupted(world: World, by: Callable[[str, Line], Any]) -> Told:
    """An append that is interrupted after its first bytes have been read."""
    path = world.path(world.begun(held=b""))

    async def scenario() -> Told:
        line = patch_line(path, 0, length=LENGTH)
        line.send(HELD)
        await until(line.messages.empty)
        await by(path, line)
        return Told.by(await line.finish())

    return asyncio.run(scenario())


@case("UPLOAD_TAKEN_OVER", PREFIX)
def a_newer_request_goes_first(world: World) -> Steps:
    async def ask(path: str, line: Line) -> None:
        await until_held()
        while line.answer.status == 0:
            await request("HEAD", path)
            await asyncio.sleep(0.05)

    yield
    return interrupted(world, ask)


@case("UPLOAD_CANCELED", END)
def a_video_deleted_while_its_file_is_sent(world: World) -> Steps:
    async def delete(path: str, line: Line) -> None:
        await until_held()
        await database(lambda: delete_video(UploadSession.objects.get().its_video))
        line.send(bytes(LENGTH - len(HELD)), more=False)

    yield
    return interrupted(world, delete)


async def until_held() -> None:
    """Wait until somebody holds the lease of the only upload there is."""
    for _ in range(1000):
        if await database(UploadSession.objects.exclude(lease_owner="").exists):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody writes")


async def nothing(path: str, line: Line) -> None:
    """The client just stays silent."""


@case("UPLOAD_STALLED", PREFIX)
def a_line_that_falls_silent(world: World) -> Steps:
    world.settings.UPLOAD_READ_TIMEOUT_SECONDS = 0.2
    yield
    return interrupted(world, nothing)


@case("UPLOAD_TOO_SLOW", PREFIX)
def a_line_that_trickles(world: World) -> Steps:
    world.settings.UPLOAD_MINIMUM_RATE, world.settings.UPLOAD_MINIMUM_RATE_SECONDS = 1000, 0.1
    world.settings.UPLOAD_CHECKPOINT_SECONDS = 0.05
    yield
    return interrupted(world, nothing)


@case("UPLOAD_SERVER_RESTARTING")
def a_server_that_ends(world: World) -> Steps:
    world.monkeypatch.setattr(drain, "_draining", True)
    yield
    world.monkeypatch.setattr(drain, "watch_for_shutdown", lambda: None)
    return world.refused_post(Upload_Length="5")


@case("UPLOAD_UNFINISHED")
def fetching_half_a_file(world: World) -> Steps:
    path = world.path(world.begun())
    yield
    return world.ask("GET", path)


@case("UPLOAD_COMPLETE")
def a_new_address_for_what_is_complete(world: World) -> Steps:
    session = world.begun(len(HELD)).session
    yield
    return Told.by(world.api.post(f"/api/v1/uploads/{session.public_id}/token", {}, format="json"))


@case("UPLOAD_RECEIPT_NOT_READY")
def a_receipt_too_early(world: World) -> Steps:
    session = world.begun().session
    yield
    return Told.by(world.api.get(f"/api/v1/uploads/{session.public_id}/receipt"))


@case("UPLOAD_VIDEO_NOT_WAITING")
def a_second_file_for_a_video(world: World) -> Steps:
    video = world.begun().session.its_video.public_id
    yield
    return world.refused_post(Upload_Length="5", Upload_Metadata=metadata(video=video))
