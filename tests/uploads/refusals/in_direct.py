"""Parts that go straight to S3."""

from __future__ import annotations

import asyncio
from typing import Any

import requests

from tests.uploads.client import patch, request
from tests.uploads.refusals.cases import Steps, case
from tests.uploads.refusals.world import Told, World
from tests.uploads.server import metadata
from uploads.models import UploadSession
from uploads.services.tokens import issue_token

MIB = 2**20
API = "/api/v1/s3/multipart"
S3 = ("s3",)


@case("UPLOAD_DIRECT_UNAVAILABLE", on=("disk",))
def no_storage_to_send_to(world: World) -> Steps:
    yield
    return world.refused_post(Upload_Length="5", Upload_Metadata=metadata(transport="s3"))


@case("UPLOAD_DIRECT_UNAVAILABLE", on=("disk",))
def no_storage_for_uppy(world: World) -> Steps:
    yield
    return Told.by(world.api.post(API, {"filename": "film.mp4"}, format="json"))


@case("UPLOAD_METADATA_INVALID", on=S3)
def bytes_along_with_a_plan(world: World) -> Steps:
    yield
    return world.refused_post(Upload_Length="5", body=b"hello", Upload_Metadata=metadata(transport="s3"), Content_Type="application/offset+octet-stream")


@case("UPLOAD_DIRECT_CLOSED", on=S3)
def parts_after_the_server_took_over(world: World) -> Steps:
    upload = world.direct(8 * MIB)
    secret = issue_token(UploadSession.objects.get(public_id=upload))
    assert asyncio.run(patch(f"/files/{secret}", 0, b"hello")).status == 204
    yield
    return Told.by(world.api.get(f"{API}/{upload}/1"))


@case("UPLOAD_PART_IMPOSSIBLE", on=S3)
def a_part_beyond_the_last(world: World) -> Steps:
    upload = world.direct(8 * MIB)
    yield
    return Told.by(world.api.get(f"{API}/{upload}/99"))


def put(world: World, upload: str, number: int, data: bytes) -> None:
    assert requests.put(world.api.get(f"{API}/{upload}/{number}").json()["url"], data=data, timeout=30).status_code == 200


def complete(world: World, upload: str, body: Any) -> Told:
    return Told.by(world.api.post(f"{API}/{upload}/complete", body, format="json"))


@case("UPLOAD_PARTS_UNEQUAL", on=S3)
def parts_of_two_sizes(world: World) -> Steps:
    upload = world.direct()
    for number, size in ((1, 10), (2, 11)):
        put(world, upload, number, bytes(size))
    yield
    return complete(world, upload, {"parts": []})


@case("UPLOAD_PARTS_MISSING", on=S3)
def done_without_a_part(world: World) -> Steps:
    upload = world.direct(8 * MIB)
    yield
    return complete(world, upload, {"parts": [{"PartNumber": 1, "ETag": "x"}]})


@case("REQUEST_INVALID", on=S3)
def an_end_that_says_nothing_readable(world: World) -> Steps:
    upload = world.direct(8 * MIB)
    yield
    return complete(world, upload, {"parts": "all of them"})


@case("UPLOAD_SCOPE_MISSING", on=S3)
def an_address_that_may_only_ask(world: World) -> Steps:
    upload = world.direct(8 * MIB)
    secret = issue_token(UploadSession.objects.get(public_id=upload), scopes=("status",))
    world.api.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert asyncio.run(request("HEAD", f"/files/{secret}")).status == 200
    yield
    return Told.by(world.api.get(f"{API}/{upload}/1"))
