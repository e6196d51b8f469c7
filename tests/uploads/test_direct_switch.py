"""A direct upload at its own address: the plan, the offset out of S3's list, going on through the server, and files of unknown length."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import requests
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.api.server import token_of
from tests.factories import make_user
from tests.s3 import FakeS3
from tests.uploads.client import Answer, patch, request
from tests.uploads.server import metadata
from uploads.models import SessionState, UploadSession
from uploads.store.s3.whole import seal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("s3")]
MIB = 2**20
PART = 8 * MIB
API = "/api/v1/s3/multipart"

ask = async_to_sync(request)
append = async_to_sync(patch)


@pytest.fixture(autouse=True)
def anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def api(owner: User) -> APIClient:
    return APIClient(headers={"Authorization": f"Token {token_of(owner)}"})


def create(owner: User, length: int, *, transport: str = "s3", **more: Any) -> Answer:
    told = metadata(filename="film.mp4", transport=transport)
    return ask("POST", "/files/", Upload_Length=str(length), Upload_Metadata=told, Authorization=f"Token {token_of(owner)}", **more)


def begin(owner: User, length: int) -> tuple[str, dict[str, Any], APIClient]:
    """Return address, plan, and a client that has nothing but the upload's own token."""
    created = create(owner, length)
    assert created.status == 201, created
    secret = created.headers["location"].rpartition("/")[2]
    return created.headers["location"], json.loads(created.body), APIClient(headers={"Authorization": f"Bearer {secret}"})


def put(holder: APIClient, plan: dict[str, Any], number: int, data: bytes) -> None:
    signed = holder.get(f"{plan['sign']}{number}")
    assert signed.status_code == 200, signed.content
    assert requests.put(signed.json()["presignedUrls"][str(number)], data=data, timeout=30).status_code == 200


def head(address: str) -> Answer:
    return ask("HEAD", address)


def test_the_answer_to_a_creation_is_a_plan(owner: User) -> None:
    _address, plan, holder = begin(owner, 2 * PART + 1)
    assert (plan["transport"], plan["part_size"], plan["parts"], plan["length"]) == ("s3", PART, 3, 2 * PART + 1)
    assert holder.get(plan["list"]).json() == []
    signed = holder.get(f"{plan['sign']}1,3").json()["presignedUrls"]
    assert all("content-length" in url for url in signed.values()), "S3 takes a part of no other size"
    assert holder.get(f"{plan['sign']}4").status_code == 400


def test_the_offset_is_what_s3_has_and_the_server_goes_on_from_there(owner: User) -> None:
    data = os.urandom(2 * PART + 3 * MIB)
    address, plan, holder = begin(owner, len(data))
    put(holder, plan, 1, data[:PART])
    assert head(address).offset == PART
    late = holder.get(f"{plan['sign']}2").json()["presignedUrls"]["2"]

    assert append(address, 0, data[:MIB]).status == 409, "a request at a wrong offset changes nothing"
    assert holder.get(f"{plan['sign']}2").status_code == 200
    middle = PART + 2 * MIB
    assert append(address, PART, data[PART:middle]).offset == middle
    closed = holder.get(f"{plan['sign']}3")
    assert (closed.status_code, closed.json()["code"]) == (409, "UPLOAD_DIRECT_CLOSED")
    assert holder.post(plan["complete"], {}, format="json").json()["code"] == "UPLOAD_DIRECT_CLOSED"

    assert requests.put(late, data=b"?" * PART, timeout=30).status_code == 200, "an address that is still about"
    assert head(address).offset == middle
    assert append(address, middle, data[middle:]).offset == len(data)
    session = UploadSession.objects.get()
    assert session.state == SessionState.RECEIVED
    assert stored(session) == data


def stored(session: UploadSession) -> bytes:
    from uploads.store.s3 import client

    name, size = seal(session.storage_key)
    return client.read(name, first=0, count=size + 1)


def test_whoever_asks_after_the_last_part_completes_the_upload(owner: User) -> None:
    data = os.urandom(PART + 1)
    address, plan, holder = begin(owner, len(data))
    put(holder, plan, 2, data[PART:])
    assert head(address).offset == 0
    put(holder, plan, 1, data[:PART])
    assert head(address).offset == len(data)
    session = UploadSession.objects.get()
    assert session.state == SessionState.RECEIVED
    assert holder.post(plan["complete"], {}, format="json").status_code == 200
    assert stored(session) == data


@pytest.mark.parametrize(
    ("more", "transport", "status", "code"),
    [
        ({}, "pigeon", 400, "UPLOAD_METADATA_INVALID"),
        ({"body": b"x", "Content_Type": "application/offset+octet-stream"}, "s3", 400, "UPLOAD_METADATA_INVALID"),
    ],
)
def test_a_way_that_does_not_exist_makes_nothing(owner: User, more: dict[str, Any], transport: str, status: int, code: str) -> None:
    answer = create(owner, 100, transport=transport, **more)
    assert (answer.status, answer.problem["code"]) == (status, code)
    assert not UploadSession.objects.exists()


def test_without_a_bucket_there_is_no_direct_way(owner: User, settings: Any) -> None:
    settings.UPLOAD_STORE = "disk"
    answer = create(owner, 100)
    assert (answer.status, answer.problem["code"]) == (409, "UPLOAD_DIRECT_UNAVAILABLE")
    assert not UploadSession.objects.exists()


def begin_unknown(api: APIClient) -> dict[str, Any]:
    """As Uppy begins where the page says nothing of the size."""
    answer = api.post(API, {"filename": "film.mp4", "type": "video/mp4", "metadata": {"name": "film.mp4"}}, format="json")
    assert answer.status_code == 200, answer.content
    upload = answer.json()["uploadId"]
    return {"upload": upload, "sign": f"{API}/{upload}/batch?partNumbers=", "complete": f"{API}/{upload}/complete"}


@pytest.mark.parametrize("tail", [0, 7])
def test_a_file_whose_length_nobody_said(api: APIClient, tail: int) -> None:
    data = os.urandom(2 * 5 * MIB + tail)
    plan = begin_unknown(api)
    pieces = [data[first : first + 5 * MIB] for first in range(0, len(data), 5 * MIB)]
    for number, piece in enumerate(pieces, 1):
        put(api, plan, number, piece)
    answer = api.post(plan["complete"], {"parts": [{}] * (len(pieces) + 1)}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "UPLOAD_PARTS_MISSING"), "it says that there are more"
    assert UploadSession.objects.get().committed == 10 * MIB, "a smaller part may not be the last"
    assert api.post(plan["complete"], {"parts": [{}] * len(pieces)}, format="json").status_code == 200
    session = UploadSession.objects.get()
    assert (session.state, session.length, session.committed) == (SessionState.RECEIVED, len(data), len(data))


def test_more_than_we_take_is_refused_and_gone(api: APIClient, s3: FakeS3, settings: Any) -> None:
    settings.UPLOAD_MAX_SIZE = 8 * MIB
    plan = begin_unknown(api)
    for number in (1, 2):
        put(api, plan, number, bytes(5 * MIB))
    third = api.get(f"{plan['sign']}3")
    assert (third.status_code, third.json()["code"]) == (413, "UPLOAD_TOO_LARGE"), "behind the limit"
    answer = api.post(plan["complete"], {"parts": [{}, {}]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (413, "UPLOAD_TOO_LARGE")
    assert UploadSession.objects.get().state == SessionState.ABORTED
    assert (s3.multiparts(), s3.objects()) == ([], {})
