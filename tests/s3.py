"""An S3 to test against: moto's server in a process of its own on a free port, with one bucket."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import requests

BUCKET = "holdfast-uploads"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}


@functools.cache
def _client(url: str) -> Any:
    """One for each server: making it takes longer than most tests."""
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")


@dataclass(frozen=True)
class FakeS3:
    url: str
    bucket: str = BUCKET

    @property
    def environment(self) -> dict[str, str]:
        """Settings with which a process keeps its uploads here."""
        return KEYS | {"UPLOAD_STORE": "s3", "S3_BUCKET": self.bucket, "S3_ENDPOINT_URL": self.url, "S3_PREFIX": "uploads/", "S3_PART_SIZE": "5MiB"}

    @property
    def client(self) -> Any:
        return _client(self.url)

    def objects(self, prefix: str = "") -> dict[str, int]:
        """Return name and size in bytes of all there is."""
        return {item["Key"]: item["Size"] for item in self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])}

    def multiparts(self) -> list[str]:
        return [item["UploadId"] for item in self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])]

    def body(self, name: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()
        return data

    def empty(self) -> None:
        requests.post(f"{self.url}/moto-api/reset", timeout=10)
        self.client.create_bucket(Bucket=self.bucket)


@contextmanager
def running(**environment: str) -> Iterator[FakeS3]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, env=os.environ | KEYS | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        fake = FakeS3(f"http://127.0.0.1:{port}")
        _wait(fake.url, process)
        fake.empty()
        yield fake
    finally:
        process.kill()
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(f"{url}/moto-api/", timeout=2)
            return
        except requests.RequestException:
            assert process.poll() is None, "moto's server ended"
            assert time.monotonic() < deadline, "moto's server does not answer"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[FakeS3]:
    with running() as fake:
        yield fake


@pytest.fixture
def s3(s3_server: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    """An empty bucket, and this process's uploads go there."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    s3_server.empty()
    settings.UPLOAD_STORE, settings.S3_BUCKET, settings.S3_ENDPOINT_URL = "s3", s3_server.bucket, s3_server.url
    settings.S3_PREFIX, settings.S3_PART_SIZE, settings.S3_REGION = "uploads/", 5 * 2**20, "us-east-1"
    return s3_server
