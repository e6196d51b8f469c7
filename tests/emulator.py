"""A MediaConvert to test against: the emulator in a process of its own, beside moto's server, with a queue for its events in each region."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

from tests.s3 import KEYS, FakeS3

__all__ = ["FakeMediaConvert", "emulator", "emulator_server", "running_emulator"]

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = "123456789012"
REGIONS = ("us-east-1", "eu-west-1", "eu-central-1")
QUEUE = "holdfast-events"
RENDITIONS = "holdfast-renditions"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/holdfast-mediaconvert"


@functools.cache
def _client(service: str, url: str, region: str, config: str) -> Any:
    """One of each kind: making it takes longer than most tests."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.session.Session().client(service, endpoint_url=url, region_name=region, config=Config(**json.loads(config)), **keys)


@dataclass(frozen=True)
class FakeMediaConvert:
    """A running emulator. Its events go to `queue_url` at moto, in the region of the job."""

    url: str
    s3: FakeS3
    process: subprocess.Popen[bytes]
    mode: str

    @property
    def queue_url(self) -> str:
        return f"{self.s3.url}/{ACCOUNT}/{QUEUE}"

    def client(self, region: str = "eu-west-1", **config: Any) -> Any:
        """boto3's own client; it tries once only, unless told otherwise."""
        return self._made("mediaconvert", self.url, region, {"retries": {"total_max_attempts": 1}} | config)

    def _made(self, service: str, url: str, region: str, config: dict[str, Any]) -> Any:
        return _client(service, url, region, json.dumps(config))

    def faults(self, *rules: dict[str, Any]) -> None:
        """Add rules to the fault book."""
        self._control("POST", "faults", list(rules))

    def no_faults(self) -> None:
        self._control("DELETE", "faults")

    def journal(self, kind: str = "", *, since: int = 0) -> list[dict[str, Any]]:
        """Return the entries, of one kind if it is named."""
        entries: list[dict[str, Any]] = self._control("GET", f"journal?since={since}")
        return [entry for entry in entries if kind in ("", entry["kind"])]

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock on."""
        self._control("POST", "clock", {"advance_s": seconds})

    def reset(self, *, seed: int | None = None) -> None:
        """Forget everything. `seed` is that of faults by chance from now on, instead of the one it was started with."""
        assert self._control("POST", "reset", {"seed": seed})["stopped"], "a job of the emulator did not stop"

    def health(self) -> dict[str, Any]:
        health: dict[str, Any] = self._control("GET", "health")
        return health

    def _control(self, method: str, what: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_emulator/{what}", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def queues(self) -> None:
        """Make the events' queue in each region."""
        for region in REGIONS:
            self._made("sqs", self.s3.url, region, {}).create_queue(QueueName=QUEUE)

    def events(self, region: str = "eu-west-1") -> list[str]:
        """Take what is on the queue now: the bodies, in the order they came."""
        sqs, bodies = self._made("sqs", self.s3.url, region, {}), []
        while messages := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def wait(self, condition: Callable[[], Any], *, what: str = "what was awaited did not happen") -> Any:
        """Return the condition's value as soon as it is true."""
        deadline = time.monotonic() + 60
        while not (value := condition()):
            assert self.process.poll() is None, "the emulator ended"
            assert time.monotonic() < deadline, what
            time.sleep(0.02)
        return value

    def ended(self, job_id: str, region: str = "eu-west-1") -> dict[str, Any]:
        """Wait until a job has ended and its events are sent; return what GetJob says."""
        client = self.client(region)
        get: Callable[[], dict[str, Any]] = lambda: client.get_job(Id=job_id)["Job"]  # noqa: E731
        job: dict[str, Any] = self.wait(lambda: (found := get())["Status"] in ("COMPLETE", "ERROR", "CANCELED") and found, what="the job did not end")
        return job


@contextmanager
def running_emulator(s3: FakeS3, *options: str, mode: str = "fast", port: int = 0) -> Iterator[FakeMediaConvert]:
    """Run an emulator beside a moto server, with more options of its command line.

    Args:
        mode: `real` transcodes.
    """
    own = ["--port", str(port), "--mode", mode, "--s3-endpoint", s3.url, "--sqs-endpoint", s3.url, "--queue-url", f"{s3.url}/{ACCOUNT}/{QUEUE}"]
    command = [sys.executable, "-m", "processing.emulator", *own, *options]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | KEYS, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the emulator did not start"
            yield FakeMediaConvert(json.loads(line)["listening"], s3, process, mode)
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.fixture(scope="session")
def emulator_server(s3_server: FakeS3) -> Iterator[FakeMediaConvert]:
    with running_emulator(s3_server) as fake:
        yield fake


@pytest.fixture
def emulator(emulator_server: FakeMediaConvert, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMediaConvert]:
    """An emulator in fast mode without jobs or faults; a moto server with the buckets of uploads and renditions, and with empty queues."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    emulator_server.reset()
    emulator_server.s3.empty()
    emulator_server.s3.client.create_bucket(Bucket=RENDITIONS)
    emulator_server.queues()
    yield emulator_server
    emulator_server.reset()  # nothing of this test's jobs goes on in the next one's buckets
