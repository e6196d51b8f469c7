"""Limits a person or everybody has reached, and a store that takes nothing now."""

from __future__ import annotations

import errno
from collections import Counter
from typing import Any

from tests import media
from tests.uploads.client import OFFSET_TYPE
from tests.uploads.refusals.cases import PREFIX, Steps, case
from tests.uploads.refusals.world import DRAFT, HELD, LENGTH, World
from uploads.append import active
from uploads.errors import StorageFull
from uploads.models import RemoteFile
from uploads.services import inspect
from uploads.store import WriteFailed
from uploads.store.disk import DiskStore
from uploads.store.s3 import client, numbers


def by_limit(code: str, setting: str, limit: int) -> None:
    """A second upload, which is one too many."""

    def run(world: World) -> Steps:
        world.begun(100)
        setattr(world.settings, setting, limit)
        yield
        return world.refused_post(Upload_Length="100")

    run.__name__ = setting.lower()
    case(code)(run)


by_limit("UPLOAD_QUOTA_REACHED", "UPLOAD_USER_QUOTA", 150)
by_limit("UPLOAD_DAILY_LIMIT_REACHED", "UPLOAD_USER_DAILY", 150)
by_limit("UPLOAD_TOO_MANY_OPEN", "UPLOAD_USER_OPEN", 1)
by_limit("UPLOAD_SERVICE_FULL", "UPLOAD_ALL_QUOTA", 150)
by_limit("UPLOAD_SERVICE_DAILY_LIMIT_REACHED", "UPLOAD_ALL_DAILY", 150)
by_limit("UPLOAD_SERVICE_BUSY", "UPLOAD_ALL_OPEN", 1)


@case("UPLOAD_QUOTA_REACHED")
def a_length_known_only_at_the_end(world: World) -> Steps:
    world.begun(100)
    world.settings.UPLOAD_USER_QUOTA = 104
    yield
    return world.refused_post(**DRAFT, Upload_Complete="?1", chunked=True, body=HELD)


@case("UPLOAD_TOO_MANY_CONNECTIONS")
def one_connection_too_many(world: World) -> Steps:
    world.settings.UPLOAD_USER_CONNECTIONS = 0
    created = world.begun(held=b"")
    world.settings.UPLOAD_USER_CONNECTIONS = 1
    world.monkeypatch.setattr(active._connections, "_held", Counter({world.owner.pk: 1}))
    yield
    return world.refused_patch(created, 0, HELD)


@case("UPLOAD_TOO_MANY_CONNECTIONS")
def one_connection_too_many_at_creation(world: World) -> Steps:
    world.settings.UPLOAD_USER_CONNECTIONS = 1
    world.monkeypatch.setattr(active._connections, "_held", Counter({world.owner.pk: 1}))
    yield
    return world.refused_post(Upload_Length="5", body=HELD, Content_Type=OFFSET_TYPE)


@case("UPLOAD_STORAGE_FULL", on=("disk",))
def below_the_watermark(world: World) -> Steps:
    world.monkeypatch.setattr(DiskStore, "free_share", lambda self: 0.09)
    yield
    return world.refused_post(Upload_Length="5")


def no_file(full: bool) -> Any:
    def refuse(self: DiskStore, key: str) -> None:
        raise WriteFailed(written=0, full=full)

    return refuse


@case("UPLOAD_STORAGE_FULL", on=("disk",))
def no_room_for_a_file(world: World) -> Steps:
    world.monkeypatch.setattr(DiskStore, "create", no_file(full=True))
    yield
    return world.refused_post(Upload_Length="5")


@case("UPLOAD_STORAGE_FAILED", on=("disk",))
def a_broken_disk(world: World) -> Steps:
    world.monkeypatch.setattr(DiskStore, "create", no_file(full=False))
    yield
    return world.refused_post(Upload_Length="5", Idempotency_Key="k")


@case("UPLOAD_STORAGE_FULL", PREFIX, on=("s3",))
def no_room_for_a_copy_to_look_at(world: World) -> Steps:
    def full(*_arguments: Any, **_named: Any) -> Any:
        raise OSError(errno.ENOSPC, "no room")

    session = world.arrived(media.clip().read_bytes())
    world.monkeypatch.setattr(inspect, "source_file", full)
    yield
    try:
        return world.inspected(session)
    except StorageFull as refused:
        return world.raised(refused)


@case("UPLOAD_STORAGE_FAILED", on=("s3",))
def bytes_that_s3_does_not_take(world: World) -> Steps:
    real = client.call

    def call(operation: str, **arguments: Any) -> dict[str, Any]:
        if operation == "put_object":
            raise client.Refused("InvalidRequest")
        return real(operation, **arguments)

    created = world.begun()
    world.monkeypatch.setattr(client, "call", call)
    yield
    return world.refused_patch(created, len(HELD), b"more")


@case("UPLOAD_PARTS_USED_UP", on=("s3",))
def no_part_number_left(world: World) -> Steps:
    created = world.begun()
    RemoteFile.objects.filter(session=created.session).update(next_part=numbers.TAIL_NUMBER + 1)
    yield
    return world.refused_patch(created, len(HELD), b"more")


@case("UPLOAD_STORAGE_AWAY", on=("s3",))
def a_storage_that_does_not_answer(world: World) -> Steps:
    created = world.begun()
    url, world.settings.S3_ENDPOINT_URL = world.settings.S3_ENDPOINT_URL, "http://127.0.0.1:1"
    yield
    told = world.refused_patch(created, len(HELD), bytes(LENGTH - len(HELD)))
    world.settings.S3_ENDPOINT_URL = url
    return told
