"""Interim answers of the IETF draft: sent to who says that it speaks the version, and by servers that can."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from knox.models import AuthToken

from tests.factories import make_user
from tests.uploads.client import Line, told, until
from uploads.endpoint import interim

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def accept_anything(settings: Any) -> None:
    settings.UPLOAD_ACCEPT = "*"


@pytest.fixture
def token() -> str:
    return str(AuthToken.objects.create(make_user())[1])


class Interims(Line):
    """Notes interim answers."""

    def __init__(self, method: str, path: str, headers: dict[str, str]) -> None:
        super().__init__(method, path, headers)
        self.interims: list[dict[str, str]] = []

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.informational":
            assert message["status"] == 104
            self.interims.append({name.decode(): value.decode() for name, value in message["headers"]})
        else:
            await super()._send(message)


@pytest.mark.parametrize(("version", "answered"), [("8", True), ("6", True), ("7", False), ("", False), ("eight", False), ("8, 8", False)])
def test_interim_answers_only_for_versions_we_speak(token: str, version: str, answered: bool, settings: Any) -> None:
    settings.UPLOAD_CHECKPOINT_BYTES = 5
    headers = {"Authorization": f"Token {token}", "Upload-Complete": "?1", "Content-Length": "10"}
    headers |= {"Upload-Draft-Interop-Version": version} if version else {}

    async def go() -> None:
        line = Interims("POST", "/files/", headers)
        line.begin()
        line.send(b"hello")
        if answered:
            await until(lambda: len(line.interims) == 1)
            assert line.interims[0]["location"].startswith("/files/upt_")
            assert line.interims[0]["upload-draft-interop-version"] == version
            assert "max-size=" in line.interims[0]["upload-limit"]
            await until(lambda: len(line.interims) == 2, seconds=15)
            assert line.interims[1] == {"upload-offset": "5", "upload-draft-interop-version": version}
        line.send(b"world", more=False)
        answer = await line.finish()
        assert told(answer) == (201, "10", "?1")
        assert bool(line.interims) is answered

    asyncio.run(go())


def test_tus_is_never_sent_an_interim_answer(token: str) -> None:
    async def go() -> None:
        headers = {"Authorization": f"Token {token}", "Upload-Length": "5", "Tus-Resumable": "1.0.0", "Upload-Draft-Interop-Version": "8"}
        line = Interims("POST", "/files/", headers)
        line.begin().send(b"", more=False)
        assert (await line.finish()).status == 201
        assert line.interims == []

    asyncio.run(go())


def test_a_server_that_cannot_send_interim_answers_is_asked_once(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interim, "_unable", False)
    asked: list[int] = []

    class Unable(Line):
        async def _send(self, message: Any) -> None:
            if message["type"] == "http.response.informational":
                asked.append(message["status"])
                raise RuntimeError("Expected ASGI message 'http.response.start'")
            await super()._send(message)

    async def go() -> None:
        for _ in range(2):
            headers = {"Authorization": f"Token {token}", "Upload-Complete": "?1", "Content-Length": "5", "Upload-Draft-Interop-Version": "8"}
            line = Unable("POST", "/files/", headers)
            line.begin().send(b"hello", more=False)
            assert told(await line.finish()) == (201, "5", "?1")

    asyncio.run(go())
    assert asked == [104]
