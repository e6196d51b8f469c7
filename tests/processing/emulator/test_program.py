"""The emulator as a program: how it starts and ends, and a job through its own process with moto's S3 and SQS."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.emulator import ROOT, FakeMediaConvert
from tests.media import clip

from .api import job, settings


def program(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("command", "number"),
    [(["-m", "processing.emulator"], signal.SIGTERM), (["manage.py", "mediaconvert_emulator"], signal.SIGINT)],
    ids=["module", "command"],
)
def test_it_says_where_it_listens_and_ends_cleanly_when_told_to(command: list[str], number: int) -> None:
    with program(*command, "--port", "0", "--mode", "fast") as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["listening"].startswith("http://127.0.0.1:")
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_a_port_that_is_taken_and_wrong_use_are_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with program("-m", "processing.emulator", "--port", str(taken.getsockname()[1])) as process:
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("The emulator cannot start: ")
    with program("-m", "processing.emulator", "--mode", "quick") as process:
        process.communicate(timeout=60)
    assert process.returncode == 2


def test_a_job_goes_from_s3_to_s3_and_its_events_to_sqs(emulator: FakeMediaConvert) -> None:
    source = clip(seconds=1)
    emulator.s3.client.upload_file(str(source), emulator.s3.bucket, "uploads/upl_1/source.mp4")
    number = emulator.client().create_job(**job(Settings=settings()))["Job"]["Id"]
    done = emulator.ended(number)
    assert done["Status"] == "COMPLETE", done
    kept = {item["Key"] for item in emulator.s3.client.list_objects_v2(Bucket="holdfast-renditions")["Contents"]}
    assert {"vid/job/att/index.m3u8", "vid/job/att/index_180p.m3u8"} < kept
    emulator.wait(lambda: not emulator.health()["events_waiting"])
    statuses: list[str] = []
    emulator.wait(lambda: statuses.extend(json.loads(body)["detail"]["status"] for body in emulator.events()) or statuses[-1:] == ["COMPLETE"])
    assert statuses[0] == "PROGRESSING"
    (entry,) = emulator.journal("job_created")
    assert (entry["job"], entry["metadata"]) == (number, {"attempt_id": "att_1"})


def test_it_needs_no_django() -> None:
    code = "import sys, processing.emulator.__main__; raise SystemExit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0
