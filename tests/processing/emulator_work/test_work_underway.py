"""Jobs on their way: canceled, watched, and what they leave on our disk."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from processing.emulator.state import Canceled, Job, Phase, Status
from processing.emulator.work import Worker, canceled, inputs
from tests import media
from tests.s3 import FakeS3

from .jobs import FILM, OUT, Kept, job, ladder, run, settings


def _children() -> list[str]:
    """Command lines of this process's children."""
    listed = subprocess.run(["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if "ffmpeg" in line]


def test_a_canceled_job_stops_at_once_and_leaves_no_process(kept: Kept, s3: FakeS3) -> None:
    s3.client.upload_file(str(media.clip(seconds=3)), s3.bucket, "in/film.mp4")
    slow = ladder(f"{OUT}x", 720)  # more work than the moment until it is canceled
    stopped = threading.Event()

    def cancel(one: Job, phase: Phase) -> None:
        if phase is Phase.TRANSCODING and not stopped.is_set():
            one.stop.set()
            stopped.set()

    kept.heard = cancel
    one = job(settings(slow, url=FILM))
    with pytest.raises(Canceled):
        Worker(one, kept).run()
    canceled(one, kept)
    assert kept.told[-1][0] is Phase.TRANSCODING
    assert not _children()
    assert not s3.objects("out/")
    assert kept.statuses[-1] == "CANCELED"
    assert "COMPLETE" not in kept.statuses


@pytest.mark.parametrize(("ending", "url"), [("complete", FILM), ("fail", "s3://holdfast-uploads/in/none.mp4")])
def test_a_job_canceled_in_the_last_moment_has_no_other_end(quick: Kept, film: FakeS3, monkeypatch: pytest.MonkeyPatch, ending: str, url: str) -> None:
    monkeypatch.setattr(quick, ending, lambda *given: False)
    run(quick, ladder(f"{OUT}x", 60), url=url)
    assert not {"COMPLETE", "ERROR"} & set(quick.statuses)


def test_a_job_canceled_while_it_uploads_offers_nothing(quick: Kept, film: FakeS3) -> None:
    def cancel(one: Job, phase: Phase) -> None:
        if phase is Phase.UPLOADING:
            one.status = Status.CANCELED
            one.stop.set()

    quick.heard = cancel
    with pytest.raises(Canceled):
        run(quick, ladder(f"{OUT}x", 60))
    assert not [key for key in film.objects("out/") if key.endswith(".m3u8")]


def test_updates_come_at_the_interval_that_was_asked_for(quick: Kept, film: FakeS3) -> None:
    percents = []

    def pass_time(one: Job, phase: Phase) -> None:
        percents.append(one.percent)
        quick.clock.advance(10)

    quick.heard = pass_time
    run(quick, ladder(f"{OUT}x", 60), StatusUpdateInterval="SECONDS_10")
    updates = [event["detail"] for event in quick.events if event["detail"]["status"] == "STATUS_UPDATE"]
    assert len(updates) >= 2
    told = [update["jobProgress"]["jobPercentComplete"] for update in updates]
    assert told == sorted(told)
    assert percents == sorted(percents)
    assert updates[-1]["jobProgress"]["currentPhase"] == "UPLOADING"
    quiet = Kept(quick.options)
    run(quiet, ladder(f"{OUT}y", 60))
    assert "STATUS_UPDATE" not in quiet.statuses


def _pass(kept: Kept) -> None:
    kept.clock.advance(10)


def test_how_far_a_job_is_is_not_told_of_containers_where_the_service_does_not_know(quick: Kept, s3: FakeS3) -> None:
    webm = media.clip(seconds=1, width=160, height=90, suffix=".webm", options=("-c:v", "libvpx", "-cpu-used", "8", "-deadline", "realtime"))
    s3.client.upload_file(str(webm), s3.bucket, "in/film.mp4")
    quick.heard = lambda one, phase: _pass(quick)
    done = run(quick, ladder(f"{OUT}x", 60), StatusUpdateInterval="SECONDS_10")
    assert done.status is Status.COMPLETE
    assert {percent for phase, percent in quick.told if phase is not Phase.PROBING} == {None}
    updates = [event["detail"]["jobProgress"] for event in quick.events if event["detail"]["status"] == "STATUS_UPDATE"]
    assert updates[-1]["jobPercentComplete"] is None
    assert updates[-1]["currentPhase"] == "UPLOADING"


def test_what_a_killed_emulator_left_on_our_disk_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    nobody = 2**30  # more than any process has
    for name in (f"mediaconvert-{nobody}-abc", f"mediaconvert-{os.getpid()}-abc", "mediaconvert-notes-abc"):
        (tmp_path / name).mkdir()
    with inputs.workspace() as folder:
        left = {path.name for path in tmp_path.iterdir()} - {folder.name}
    assert left == {f"mediaconvert-{os.getpid()}-abc", "mediaconvert-notes-abc"}


def test_nothing_of_a_job_is_left_on_our_disk(kept: Kept, film: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run(kept, ladder(f"{OUT}x", 60))
    run(kept, ladder(f"{OUT}x", 60), url="s3://holdfast-uploads/in/none.mp4")
    assert list(tmp_path.iterdir()) == []
