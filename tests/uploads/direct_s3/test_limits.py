"""Direct uploads: which addresses are given to whom, for what, and what is refused before anything is made."""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.server import token_of
from tests.factories import make_user
from tests.uploads.direct_s3.steps import API, PART, begin, code_of, complete, multiparts, objects, put, session_of
from uploads.models import DirectUpload, UploadPart, UploadSession, Video

pytestmark = pytest.mark.django_db(transaction=True)


def test_asking_for_addresses_keeps_an_upload_alive(api: APIClient) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    UploadSession.objects.filter(public_id=upload).update(expires_at=timezone.now() + timedelta(seconds=60))
    api.get(f"{API}/{upload}/1")
    assert session_of(upload).expires_at > timezone.now() + timedelta(days=1)


def test_an_address_may_be_bound_to_the_bytes_it_is_for(api: APIClient) -> None:
    upload, data = begin(api, PART)["uploadId"], os.urandom(PART)
    md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    url = api.get(f"{API}/{upload}/1", {"md5": md5}).json()["url"]
    assert parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"] == ["content-md5;host"]
    assert requests.put(url, data=data, headers={"Content-MD5": md5}, timeout=30).status_code == 200
    assert complete(api, upload, []).status_code == 200
    assert [row.etag for row in UploadPart.objects.filter(session=session_of(upload))] == [hashlib.md5(data, usedforsecurity=False).hexdigest()]


@pytest.mark.parametrize("wrong", ["abc", "!" * 24, "A" * 23 + "é", base64.b64encode(bytes(15)).decode(), "A" * 5000])
def test_what_is_no_md5_gets_no_address(api: APIClient, wrong: str) -> None:
    upload = begin(api, PART)["uploadId"]
    assert code_of(api.get(f"{API}/{upload}/1", {"md5": wrong}), 400) == "REQUEST_INVALID"


def test_addresses_come_in_small_batches(api: APIClient) -> None:
    upload = begin(api, 3 * PART)["uploadId"]
    answer = api.get(f"{API}/{upload}/batch?partNumbers=2,1").json()
    assert sorted(answer["presignedUrls"]) == ["1", "2"]
    assert requests.put(answer["presignedUrls"]["2"], data=bytes(PART), timeout=30).status_code == 200
    for wrong in ("", "a", "1,,2", "1,-2", ",".join(map(str, range(1, 102))), "123456"):
        assert code_of(api.get(f"{API}/{upload}/batch?partNumbers={wrong}"), 400) == "REQUEST_INVALID"
    assert code_of(api.get(f"{API}/{upload}/4"), 400) == "UPLOAD_PART_IMPOSSIBLE"
    assert code_of(api.get(f"{API}/{upload}/0"), 400) == "UPLOAD_PART_IMPOSSIBLE"
    assert DirectUpload.objects.get().session.remote_file.next_part == 3


@pytest.mark.parametrize(
    ("name", "size", "status", "code"),
    [
        ("film.exe", 10, 415, "UPLOAD_TYPE_REFUSED"),
        ("film.mp4", 6 * 2**30, 413, "UPLOAD_TOO_LARGE"),
        ("film.mp4", 0, 422, "UPLOAD_EMPTY"),
        ("film.mp4", "many", 400, "UPLOAD_HEADER_INVALID"),
        ("film.mp4", -1, 400, "UPLOAD_HEADER_INVALID"),
        ("film.mp4", 10**26, 400, "UPLOAD_HEADER_INVALID"),
    ],
)
def test_what_is_refused_leaves_nothing(api: APIClient, storage: Any, name: str, size: Any, status: int, code: str) -> None:
    answer = api.post(API, {"filename": name, "type": "video/mp4", "metadata": {"size": size}}, format="json")
    assert code_of(answer, status) == code
    assert (Video.objects.count(), UploadSession.objects.count()) == (0, 0)
    assert (multiparts(storage), objects(storage)) == ([], [])


def test_quota_is_the_one_of_every_upload(api: APIClient, settings: Any) -> None:
    settings.UPLOAD_USER_QUOTA = PART
    answer = api.post(API, {"filename": "film.mp4", "metadata": {"size": PART + 1}}, format="json")
    assert code_of(answer, answer.status_code) == "UPLOAD_QUOTA_REACHED"
    assert not UploadSession.objects.exists()


def test_uploads_on_disk_have_no_direct_way(api: APIClient, settings: Any) -> None:
    settings.UPLOAD_STORE = "disk"
    answer = api.post(API, {"filename": "film.mp4", "metadata": {"size": 10}}, format="json")
    assert code_of(answer, 409) == "UPLOAD_DIRECT_UNAVAILABLE"
    assert not Video.objects.exists()


def test_who_may(api: APIClient) -> None:
    begun = begin(api, 2 * PART)
    upload, secret = begun["uploadId"], begun["uploadUrl"].rpartition("/")[2]
    stranger = APIClient(headers={"Authorization": f"Token {token_of(make_user())}"})
    for ask in (
        lambda c: c.get(f"{API}/{upload}"),
        lambda c: c.get(f"{API}/{upload}/1"),
        lambda c: c.delete(f"{API}/{upload}"),
        lambda c: complete(c, upload, []),
    ):
        assert code_of(ask(stranger), 404) == "UPLOAD_NOT_FOUND"
        assert code_of(ask(APIClient()), 401) == "AUTH_REQUIRED"
        assert ask(APIClient(headers={"Authorization": "Bearer upt_" + "x" * 43})).status_code == 404
    holder = APIClient(headers={"Authorization": f"Bearer {secret}"})
    assert put(holder, upload, 1, bytes(PART)).status_code == 200
    other = begin(api, PART)["uploadId"]
    assert code_of(holder.get(f"{API}/{other}/1"), 404) == "UPLOAD_NOT_FOUND"


def test_a_cookie_works_from_our_pages_only(owner: User) -> None:
    person = APIClient(enforce_csrf_checks=True)
    person.force_login(owner)
    told = {"filename": "film.mp4", "type": "video/mp4", "metadata": {"size": PART}}
    own = person.post(API, told, format="json", headers={"Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 200, own.content
    foreign = person.post(API, told, format="json", headers={"Sec-Fetch-Site": "cross-site"})
    assert code_of(foreign, 403) == "UPLOAD_FOREIGN_ORIGIN"
    assert code_of(person.post(API, told, format="json", headers={"Origin": "https://evil.example"}), 403) == "UPLOAD_FOREIGN_ORIGIN"
    assert person.post(API, "filename=film.mp4", content_type="text/plain").status_code == 415
    assert Video.objects.count() == 1
