"""What `make up-aws` adds: settings of a start, what it forgets of the last one and what it never touches, and its demo's words."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from config.demo_aws import line
from config.laptop_aws import LaptopAws, SomebodyElses


def installation(folder: Path) -> Path:
    kept = folder / "postgres" / "PG_VERSION"
    kept.parent.mkdir(parents=True)
    kept.write_text("18")
    return kept


def test_an_installation_of_make_up_is_not_touched(tmp_path: Path) -> None:
    kept = installation(tmp_path)
    with pytest.raises(SomebodyElses, match="make up-aws VAR_DIR="):
        LaptopAws(tmp_path, "http://127.0.0.1:1").begin_anew()
    assert kept.exists()


def test_its_own_is_forgotten_but_for_the_login(tmp_path: Path) -> None:
    ours = LaptopAws(tmp_path, "http://127.0.0.1:1")
    assert ours.begin_anew() is False
    kept, login = installation(tmp_path), tmp_path / "login.json"
    login.write_text("{}")
    assert ours.begin_anew() is True
    assert (kept.exists(), login.exists()) == (False, True)


def test_every_region_of_the_chain_has_its_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = LaptopAws(tmp_path, "http://127.0.0.1:1")
    assert len(ours.settings()["MEDIACONVERT_EVENTS_QUEUE_URL"].split(",")) == 2
    monkeypatch.setenv("ENGINES", "mediaconvert:eu-west-1,local")
    assert (ours.settings()["ENGINES"], ours.settings()["MEDIACONVERT_EVENTS_QUEUE_URL"].count(",")) == ("mediaconvert:eu-west-1,local", 0)


def test_a_persons_own_profile_plays_no_part_and_other_terminals_get_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = LaptopAws(tmp_path, "http://127.0.0.1:1")
    for name, value in ours.settings().items():
        monkeypatch.setenv(name, value)  # put back after the test
    monkeypatch.setenv("AWS_PROFILE", "work")
    ours.take_effect()
    assert "AWS_PROFILE" not in os.environ
    assert os.environ["PROFILE"] == "embedded"
    written = [shlex.split(one)[1] for one in (tmp_path / "environment").read_text().splitlines() if one.startswith("export ")]
    assert f"AWS_ENDPOINT_URL={ours.amazon}" in written
    assert f"VAR_DIR={tmp_path}" in written


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"kind": "request", "operation": "CreateJob", "region": "eu-west-1", "status": 429, "error": "TooManyRequestsException"}, "boto3 tries again"),
        ({"kind": "request", "operation": "GetJob", "region": "eu-west-1", "status": 200}, "so we asked"),
        ({"kind": "event", "status": "COMPLETE", "faults": ["event_lost"]}, "lost (as arranged)"),
        ({"kind": "job_ended", "job": "1-a", "status": "COMPLETE"}, "Job 1-a ended: COMPLETE"),
        ({"kind": "request", "operation": "ListQueues", "region": "eu-west-1", "status": 200}, ""),
    ],
    ids=["throttled", "asked", "lost", "ended", "of no interest"],
)
def test_the_journal_is_told_in_words(entry: dict[str, object], words: str) -> None:
    assert words in line(entry)
    assert bool(line(entry)) == bool(words)
