"""What a client of direct uploads does, and what there is afterwards."""

from __future__ import annotations

from typing import Any

import requests
from rest_framework.test import APIClient

from uploads.models import UploadSession

MIB = 2**20
PART = 5 * MIB
API = "/api/v1/s3/multipart"
BUCKET = "direct"


def begin(api: APIClient, size: int | None, *, name: str = "film.mp4", **metadata: Any) -> dict[str, Any]:
    told = metadata if size is None else metadata | {"size": size}
    answer = api.post(API, {"filename": name, "type": "video/mp4", "metadata": told}, format="json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def put(api: APIClient, upload: str, number: int, data: bytes) -> requests.Response:
    signed = api.get(f"{API}/{upload}/{number}?key=whatever")
    assert signed.status_code == 200, signed.content
    return requests.put(signed.json()["url"], data=data, timeout=30)


def complete(api: APIClient, upload: str, parts: list[dict[str, Any]]) -> Any:
    return api.post(f"{API}/{upload}/complete?key=whatever", {"parts": parts}, format="json")


def session_of(upload: str) -> UploadSession:
    return UploadSession.objects.get(public_id=upload)


def multiparts(storage: Any) -> list[Any]:
    return list(storage.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


def objects(storage: Any) -> list[str]:
    return [item["Key"] for item in storage.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def code_of(answer: Any, status: int) -> str:
    assert answer.status_code == status, (answer.status_code, answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    return str(answer.json()["code"])
