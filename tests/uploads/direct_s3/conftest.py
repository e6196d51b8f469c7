"""moto's S3 over HTTP, and somebody who uploads to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from django.contrib.auth.models import User
from moto.server import ThreadedMotoServer
from rest_framework.test import APIClient

from tests.api.server import token_of
from tests.factories import make_user
from tests.uploads.direct_s3.steps import BUCKET


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def storage(moto: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty bucket in use; returns boto3's own client, the test's second pair of eyes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings.UPLOAD_STORE, settings.S3_BUCKET, settings.S3_ENDPOINT_URL = "s3", BUCKET, moto
    requests.post(f"{moto}/moto-api/reset", timeout=10)
    eyes = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    eyes.create_bucket(Bucket=BUCKET)
    return eyes


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def api(owner: User) -> APIClient:
    return APIClient(headers={"Authorization": f"Token {token_of(owner)}"})
