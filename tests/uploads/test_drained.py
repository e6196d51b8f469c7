"""Before an update: an upload that began goes on, and a new one is told when to come."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from knox.models import AuthToken

from resilience import draining
from resilience.draining import Scope, SystemUpdating
from tests.factories import make_user
from tests.uploads.client import Answer, patch, request
from uploads.models import UploadSession, Video

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _host_of_its_own(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.UPLOAD_ACCEPT = "*"
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(draining, "_seen", draining._Seen())


def drain(scope: Scope) -> None:
    draining.begin(scope, reason="an update")
    connection.close()


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "k"}], ids=["plain", "key"])
def test_new_uploads_are_refused_and_those_that_began_go_on(scope: Scope, headers: dict[str, str]) -> None:
    token = str(AuthToken.objects.create(make_user())[1])

    def create() -> Any:
        return request("POST", "/files/", Upload_Length="10", Authorization=f"Token {token}", **headers)

    async def scenario() -> Answer:
        path = (await request("POST", "/files/", Upload_Length="10", Authorization=f"Token {token}")).headers["location"]
        await asyncio.to_thread(drain, scope)
        refused: Answer = await create()
        assert (await patch(path, 0, bytes(10))).status == 204
        return refused

    refused = asyncio.run(scenario())
    assert (refused.status, refused.problem["code"]) == (503, "SYSTEM_UPDATING")
    assert int(refused.headers["retry-after"]) > 0
    assert (UploadSession.objects.count(), Video.objects.count()) == (1, 1), "nothing is left of what was refused"


def test_a_thread_that_had_no_connection_keeps_none() -> None:
    drain(Scope.FLEET)
    seen: list[object] = []

    def ask() -> None:
        with pytest.raises(SystemUpdating):
            draining.refuse_new_work()
        seen.append(connection.connection)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert seen == [None]
