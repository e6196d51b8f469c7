"""When it is tight, an upload that began goes on and a new one is told when to come: by whichever way it comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from knox.models import AuthToken
from rest_framework.test import APIClient

from resilience import database
from tests.factories import make_user
from tests.s3 import FakeS3
from tests.uploads.client import Answer, patch, request
from uploads.models import UploadSession, Video

pytestmark = pytest.mark.django_db(transaction=True)
DRAFT = {"version": "", "Upload_Draft_Interop_Version": "8", "Upload_Complete": "?0"}


@pytest.fixture
def tight(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make one thing short, by name."""
    settings.UPLOAD_ACCEPT = "*"

    def make(what: str) -> None:
        if what == "memory":
            settings.MEMORY_LIMIT = 1
        else:
            monkeypatch.setattr(database, "pool_pressure", lambda: 1.1)

    return make


@pytest.mark.parametrize("what", ["memory", "pool"])
@pytest.mark.parametrize("headers", [{"Upload_Length": "10"}, {"Upload_Length": "10", "Idempotency_Key": "k"}, DRAFT], ids=["tus", "tus-key", "draft"])
def test_new_uploads_wait_and_those_that_began_go_on(tight: Any, what: str, headers: dict[str, str]) -> None:
    token = str(AuthToken.objects.create(make_user())[1])

    def create() -> Any:
        return request("POST", "/files/", Authorization=f"Token {token}", **headers)

    async def scenario() -> Answer:
        path = (await request("POST", "/files/", Upload_Length="10", Authorization=f"Token {token}")).headers["location"]
        tight(what)
        refused: Answer = await create()
        assert (await patch(path, 0, bytes(4))).status == 204
        assert (await patch(path, 4, bytes(6))).status == 204
        return refused

    refused = asyncio.run(scenario())
    assert (refused.status, refused.problem["code"]) == (503, "SERVICE_STRETCHED")
    assert int(refused.headers["retry-after"]) > 0
    assert (UploadSession.objects.count(), Video.objects.count()) == (1, 1), "nothing is left of what was refused"


def test_what_was_created_before_is_answered_also_when_it_is_tight(tight: Any) -> None:
    """A client whose answer was lost asks again with the same key: that is no new upload."""
    token = str(AuthToken.objects.create(make_user())[1])

    def create() -> Any:
        return request("POST", "/files/", Upload_Length="10", Authorization=f"Token {token}", Idempotency_Key="k")

    assert asyncio.run(create()).status == 201
    tight("pool")
    assert asyncio.run(create()).status == 201
    assert UploadSession.objects.count() == 1


def test_straight_to_the_storage_waits_too(tight: Any, s3: FakeS3) -> None:
    api = APIClient(headers={"Authorization": f"Token {AuthToken.objects.create(make_user())[1]}"})
    tight("memory")
    answer = api.post("/api/v1/s3/multipart", {"filename": "film.mp4", "metadata": {"size": 10 * 2**20}})
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_STRETCHED")
    assert not UploadSession.objects.exists()
