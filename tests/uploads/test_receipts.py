"""Receipts, checked as their owners would: with the published key and openssl."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from tests.factories import make_session, make_user, make_video
from tests.programs import needs
from uploads.models import SessionState, UploadSession, VideoState

pytestmark = pytest.mark.django_db
SHA = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"


def accepted(**values: Any) -> UploadSession:
    video = make_video(state=VideoState.READY)
    given: dict[str, Any] = {"length": 10, "committed": 10, "state": SessionState.ACCEPTED, "sha256": SHA, "received_at": timezone.now()} | values
    return make_session(video=video, **given)


def ask(session: UploadSession) -> Any:
    client = APIClient()
    client.force_login(session.owner)
    return client.get(f"/api/v1/uploads/{session.public_id}/receipt")


def key_of(receipt: dict[str, Any]) -> Any:
    return APIClient().get(receipt["key_url"])


def test_a_receipt_says_what_arrived_and_when_and_always_the_same() -> None:
    session = accepted()
    answer = ask(session)
    receipt = answer.json()
    assert answer["Content-Disposition"] == f'attachment; filename="receipt-{session.public_id}.json"'
    assert (receipt["upload"], receipt["video"], receipt["size"], receipt["sha256"]) == (session.public_id, session.its_video.public_id, 10, SHA)
    assert session.received_at is not None
    assert receipt["signed"].splitlines() == [
        "Holdfast receipt 1",
        f"upload: {session.public_id}",
        f"video: {session.its_video.public_id}",
        "size: 10",
        f"sha256: {SHA}",
        f"received: {session.received_at:%Y-%m-%dT%H:%M:%SZ}",
        f"key: {receipt['key']}",
    ]
    assert ask(session).json() == receipt


def test_the_published_key_verifies_it_and_nothing_else() -> None:
    receipt = ask(accepted()).json()
    answer = key_of(receipt)
    assert answer["Content-Type"] == "application/x-pem-file"
    key = load_pem_public_key(answer.content)
    assert isinstance(key, Ed25519PublicKey)
    signature = base64.b64decode(receipt["signature"])
    key.verify(signature, receipt["signed"].encode())
    with pytest.raises(InvalidSignature):
        key.verify(signature, receipt["signed"].replace("size: 10", "size: 11").encode())


@needs("openssl")
def test_openssl_verifies_it_the_way_the_guide_says(tmp_path: Path) -> None:
    receipt = ask(accepted()).json()
    (tmp_path / "key.pem").write_bytes(key_of(receipt).content)
    (tmp_path / "signed.txt").write_bytes(receipt["signed"].encode())
    decode = ["openssl", "base64", "-d", "-A", "-out", "signature.bin"]
    subprocess.run(decode, input=receipt["signature"].encode(), cwd=tmp_path, check=True)
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "signed.txt", "-sigfile", "signature.bin"]
    guide = (Path(__file__).parents[2] / "docs" / "receipts.md").read_text()
    assert " ".join(verify).replace("key.pem", "rck_*.pem") in guide
    assert b"Verified Successfully" in subprocess.run(verify, cwd=tmp_path, capture_output=True, check=True).stdout
    (tmp_path / "signed.txt").write_bytes(receipt["signed"].replace("size: 10", "size: 11").encode())
    assert subprocess.run(verify, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_an_earlier_key_stays_downloadable_while_it_is_a_fallback(settings: Any) -> None:
    session = accepted()
    receipt, before = ask(session).json(), settings.SECRET_KEY
    settings.SECRET_KEY = "n" * 64
    assert ask(session).json()["key"] != receipt["key"]
    assert key_of(receipt).status_code == 404
    settings.SECRET_KEY_FALLBACKS = [before]
    key = load_pem_public_key(key_of(receipt).content)
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(receipt["signature"]), receipt["signed"].encode())


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"state": SessionState.RECEIVING, "sha256": "", "committed": 3}, 409, "UPLOAD_RECEIPT_NOT_READY"),
        ({"state": SessionState.RECEIVED, "sha256": ""}, 409, "UPLOAD_RECEIPT_NOT_READY"),
        ({"state": SessionState.REJECTED, "error_code": "UPLOAD_IS_TEXT", "error_fields": {"name": "a.txt"}}, 410, "UPLOAD_REFUSED"),
        ({"state": SessionState.ABORTED}, 410, "UPLOAD_CANCELED"),
        ({"state": SessionState.CORRUPT}, 410, "UPLOAD_CORRUPT"),
    ],
)
def test_there_is_no_receipt_of_what_is_not_kept(values: dict[str, Any], status: int, code: str) -> None:
    answer = ask(accepted(**values))
    assert (answer.status_code, json.loads(answer.content)["code"]) == (status, code)


def test_a_receipt_is_its_owners() -> None:
    session = accepted()
    other = APIClient()
    other.force_login(make_user())
    assert other.get(f"/api/v1/uploads/{session.public_id}/receipt").status_code == 404
    assert APIClient().get(f"/api/v1/uploads/{session.public_id}/receipt").status_code == 401


def test_the_page_of_a_video_links_the_receipt_once_there_is_one() -> None:
    session = accepted()
    page = Client()
    page.force_login(session.owner)
    link = f'href="/api/v1/uploads/{session.public_id}/receipt" download'
    assert link in page.get(f"/videos/{session.its_video.public_id}/").content.decode()
    UploadSession.objects.filter(pk=session.pk).update(state=SessionState.RECEIVED, sha256="")
    assert link not in page.get(f"/videos/{session.its_video.public_id}/").content.decode()
