"""A person, a store and everything a refused request needs: what stands before and after it is told in full."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from knox.models import AuthToken
from rest_framework.test import APIClient

from resilience.errors import AppError
from resilience.http.problems import problem
from resilience.models import Task
from tests.factories import make_user
from tests.s3 import FakeS3
from tests.uploads.client import OFFSET_TYPE, Answer, patch, request
from uploads.models import DirectUpload, RemoteFile, ResumeToken, UploadPart, UploadSegment, UploadSession, Video, VideoState
from uploads.services.create import Created, create_upload
from uploads.services.inspect import inspect_upload

LENGTH, HELD = 12, b"hello"
DRAFT = {"version": "", "Upload_Draft_Interop_Version": "8"}
_ROWS: dict[type[Model], list[str]] = {
    UploadSession: ["pk", "state", "committed", "length", "error_code", "chain", "sha256"],
    Video: ["pk", "state", "error_code"],
    ResumeToken: ["pk", "revoked_at"],
    UploadSegment: ["pk", "start", "length"],
    RemoteFile: ["pk", "upload_id", "tail_key", "next_part"],
    UploadPart: ["pk", "number", "size"],
    DirectUpload: ["pk", "closed_at"],
}


@dataclass(frozen=True)
class Told:
    """A refusal as its reader gets it."""

    status: int
    problem: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def by(cls, answer: Any) -> Told:
        """Out of an answer of the upload address, or of the API."""
        if isinstance(answer, Answer):
            return cls(answer.status, answer.problem, answer.headers)
        assert answer["Content-Type"] == "application/problem+json", answer.content
        return cls(answer.status_code, answer.json(), {name.lower(): value for name, value in answer.headers.items()})


class World:
    """Use `snapshot` before and after."""

    def __init__(self, folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, s3: FakeS3 | None) -> None:
        self.folder, self.settings, self.monkeypatch, self.s3 = folder, settings, monkeypatch, s3
        self.owner: User = make_user()
        self.token = str(AuthToken.objects.create(self.owner)[1])
        self.api = APIClient(headers={"Authorization": f"Token {self.token}"})
        settings.UPLOAD_ACCEPT = "*"

    def run(self, scenario: Callable[[], Any]) -> Any:
        return asyncio.run(scenario())

    def ask(self, method: str, path: str, **given: Any) -> Told:
        return Told.by(asyncio.run(request(method, path, **given)))

    def post(self, **given: Any) -> Answer:
        return asyncio.run(request("POST", "/files/", **{"Authorization": f"Token {self.token}"} | given))

    def refused_post(self, **given: Any) -> Told:
        return Told.by(self.post(**given))

    def begun(self, length: int | None = LENGTH, *, held: bytes = HELD, name: str = "film.mp4", **values: Any) -> Created:
        """An upload of which the first bytes have arrived."""
        created = create_upload(owner=self.owner, length=length, file_name=name, declared_type="", **values)
        if held:
            assert asyncio.run(patch(self.path(created), 0, held)).status == 204
        return created

    def path(self, created: Created) -> str:
        return f"/files/{created.secret}"

    def patch(self, created: Created, offset: int, body: Any, **given: Any) -> Answer:
        return asyncio.run(patch(self.path(created), offset, body, **given))

    def refused_patch(self, created: Created, offset: int, body: Any, **given: Any) -> Told:
        return Told.by(self.patch(created, offset, body, **given))

    def part(self, data: bytes) -> str:
        """The address of a part of a file that has arrived whole."""
        made = self.post(Upload_Concat="partial", Upload_Length=str(len(data)), Content_Type=OFFSET_TYPE, body=data)
        assert made.status == 201, made
        return made.headers["location"]

    def direct(self, size: int | None = None) -> str:
        """The id of an upload whose parts go straight to S3."""
        answer = self.api.post("/api/v1/s3/multipart", {"filename": "film.mp4", "metadata": {} if size is None else {"size": size}}, format="json")
        assert answer.status_code == 200, answer.content
        return str(answer.json()["uploadId"])

    def arrived(self, data: bytes) -> UploadSession:
        """A file that arrived whole, whatever it is, and waits for its inspection, which is as strict as it is for everybody."""
        created = self.begun(len(data), held=data)
        self.settings.UPLOAD_ACCEPT = "media"
        return created.session

    def inspected(self, session: UploadSession, *, attempt: int = 1) -> Told:
        """Let the inspection look at it, and read what it says on the video."""
        inspect_upload(session.public_id, attempt=attempt, stopped=lambda: False)
        return self.card(session)

    def card(self, session: UploadSession) -> Told:
        video = Video.objects.get(pk=session.video_id)
        assert video.state in (VideoState.NEEDS_NEW_FILE, VideoState.FAILED)
        card = self.api.get(f"/api/v1/videos/{video.public_id}").json()["error"]
        return Told(0, card | {"detail": card["what_happened"], "doc_url": f"/help/{card['guide']}/"})

    def raised(self, error: AppError) -> Told:
        """What somebody would read who met this error."""
        return Told(0, json.loads(json.dumps(problem(error), default=str)))

    def stored(self) -> dict[str, int | str]:
        """Everything in the store: names and digests, and what is begun and not finished."""
        if self.s3 is not None:
            assert not self.folder.exists(), "S3 keeps the bytes, and no disk"
            return {**self.s3.objects(), **dict.fromkeys(self.s3.multiparts(), "multipart")}
        found = self.folder.iterdir() if self.folder.is_dir() else iter(())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything there is to be left behind: uploads, their videos, and work that was put down for them."""
        told = {model.__name__: list(model._default_manager.order_by("pk").values_list(*columns)) for model, columns in _ROWS.items()}
        return told | {"Task": list(Task.objects.filter(kind__startswith="uploads.").order_by("pk").values_list("pk", "kind"))}

    def snapshot(self) -> tuple[dict[str, Any], dict[str, list[tuple[Any, ...]]]]:
        return self.stored(), self.rows()


@pytest.fixture(params=["disk", "s3"])
def world(request: pytest.FixtureRequest, upload_dir: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    s3 = request.getfixturevalue("s3") if request.param == "s3" else None
    return World(upload_dir, settings, monkeypatch, s3)
