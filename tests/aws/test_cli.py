"""The AWS CLI, unmodified, works with the emulator: it makes jobs, finds them, and cancels them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.emulator import ROLE, FakeMediaConvert
from tests.media import clip

pytestmark = pytest.mark.stack

PROGRAM = Path(sys.executable).parent / "aws"
SOURCE = "s3://holdfast-uploads/uploads/upl_cli/file"
_VIDEO = {"Width": 160, "Height": 90, "CodecSettings": {"Codec": "H_264", "H264Settings": {"RateControlMode": "QVBR", "MaxBitrate": 400_000}}}
_HLS = {"Destination": "s3://holdfast-renditions/cli/index", "SegmentLength": 6, "MinSegmentLength": 0}
SETTINGS = {
    "Inputs": [{"FileInput": SOURCE}],
    "OutputGroups": [
        {
            "OutputGroupSettings": {"Type": "HLS_GROUP_SETTINGS", "HlsGroupSettings": _HLS},
            "Outputs": [{"NameModifier": "_90p", "ContainerSettings": {"Container": "M3U8"}, "VideoDescription": _VIDEO}],
        }
    ],
}


def run(emulator: FakeMediaConvert, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `aws mediaconvert …` as a person would."""
    command = [sys.executable, str(PROGRAM), "--endpoint-url", emulator.url, "--region", "eu-west-1", "--output", "json", "mediaconvert", *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in ("AWS_PROFILE", "AWS_CONFIG_FILE")} | {"AWS_MAX_ATTEMPTS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def aws(emulator: FakeMediaConvert, *arguments: str) -> Any:
    done = run(emulator, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_jobs_are_created_got_listed_searched_and_canceled(emulator: FakeMediaConvert) -> None:
    emulator.s3.client.upload_file(str(clip(seconds=1, width=160, height=90)), "holdfast-uploads", "uploads/upl_cli/file")
    create = ("create-job", "--role", ROLE, "--settings", json.dumps(SETTINGS), "--user-metadata", "attempt_id=att_cli")
    first = aws(emulator, *create)["Job"]
    assert emulator.ended(first["Id"])["Status"] == "COMPLETE"
    got = aws(emulator, "get-job", "--id", first["Id"])["Job"]
    assert (got["Status"], got["UserMetadata"]) == ("COMPLETE", {"attempt_id": "att_cli"})

    emulator.faults({"fault": "stuck", "phase": "SUBMITTED"})
    second = aws(emulator, *create)["Job"]
    assert [job["Id"] for job in aws(emulator, "list-jobs", "--order", "ASCENDING")["Jobs"]] == [first["Id"], second["Id"]]
    assert [job["Id"] for job in aws(emulator, "search-jobs", "--input-file", "upl_cli", "--status", "SUBMITTED")["Jobs"]] == [second["Id"]]
    aws(emulator, "cancel-job", "--id", second["Id"])
    assert emulator.client().get_job(Id=second["Id"])["Job"]["Status"] == "CANCELED"


def test_what_aws_would_refuse_is_refused_in_its_words(emulator: FakeMediaConvert) -> None:
    odd = json.dumps(SETTINGS).replace('"Width": 160', '"Width": 161')
    refused = run(emulator, "create-job", "--role", ROLE, "--settings", odd)
    assert refused.returncode not in (0, 2)
    assert "An error occurred (BadRequestException) when calling the CreateJob operation" in refused.stderr
    assert "/outputGroups/0/outputs/0/videoDescription/width" in refused.stderr
