"""Whole jobs from S3 to S3, and what goes wrong with them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import pytest
from botocore.exceptions import ClientError

from processing.emulator.state import Phase, Status
from processing.emulator.work import Worker, storage
from processing.emulator.work.codes import JobError
from tests import media
from tests.s3 import FakeS3

from .jobs import FILM, OUT, Kept, captures, group, h264, job, ladder, output, run, settings, sound

ALTERNATE = {"OutputSettings": {"HlsSettings": {"AudioTrackType": "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT"}}}


def _frames(data: bytes) -> dict[str, int]:
    counts = {"video": 0, "audio": 0}
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode():
            counts["video" if isinstance(frame, av.VideoFrame) else "audio"] += 1
    return counts


def test_a_job_makes_everything_it_is_asked_for(kept: Kept, film: FakeS3) -> None:
    hls = ladder(f"{OUT}hls/index", 60, 90)
    hls["OutputGroupSettings"]["HlsGroupSettings"]["SegmentLength"] = 1
    hls["Outputs"].append(output("M3U8", "_a", AudioDescriptions=sound(), **ALTERNATE))
    done = run(
        kept,
        hls,
        group("Cmaf", f"{OUT}cmaf/index", output("CMFC", "_v", VideoDescription=h264(Height=60)), output("CMFC", "_a", AudioDescriptions=sound())),
        group(
            "File", f"{OUT}file/", output("MP4", "_x", VideoDescription=h264(), AudioDescriptions=sound()),
            output("RAW", "_p", VideoDescription=captures(MaxCaptures=2)),
        ),
    )  # fmt: skip
    assert (done.status, done.error_message) == (Status.COMPLETE, "")
    ladder_files = {f"hls/index_{height}{rest}" for height in (60, 90) for rest in (".m3u8", "_00001.ts", "_00002.ts")}
    sounds = {f"hls/index_a{rest}" for rest in (".m3u8", "_00001.aac", "_00002.aac")}
    cmaf = {f"cmaf/index_{kind}{rest}" for kind, end in (("v", "cmfv"), ("a", "cmfa")) for rest in (".m3u8", f"init.{end}", f"_000000001.{end}")}
    tops = {"hls/index.m3u8", "cmaf/index.m3u8", "cmaf/index.mpd"}
    files = {"file/film_x.mp4", "file/film_p.0000000.jpg", "file/film_p.0000001.jpg"}
    found = {key.removeprefix("out/") for key in film.objects("out/")}
    assert found - {"hls/index_a_00003.aac", "cmaf/index_a_000000002.cmfa"} == ladder_files | sounds | cmaf | tops | files  # sound may go on for a moment
    assert kept.statuses == ["PROGRESSING", "INPUT_INFORMATION", "COMPLETE"]
    durations = [one["DurationInMs"] for of in done.details for one in of["OutputDetails"]]
    assert all(abs(duration - 2000) < 100 for duration in durations)
    for key, frames in (("out/hls/index_60_00001.ts", 30), ("out/file/film_x.mp4", 60)):
        counts = _frames(film.body(key))
        assert counts["video"] == frames
        assert counts["audio"]
    assert _frames(film.body("out/cmaf/index_vinit.cmfv") + film.body("out/cmaf/index_v_000000001.cmfv"))["video"] == 60
    assert film.body("out/hls/index_a_00001.aac").startswith(b"ID3\x04")
    assert film.body("out/file/film_p.0000000.jpg").startswith(b"\xff\xd8")


def test_what_is_sound_alone_becomes_a_playlist_of_sound(kept: Kept, s3: FakeS3) -> None:
    s3.client.upload_file(str(media.clip(seconds=1, video=False, suffix=".m4a")), s3.bucket, "in/song.m4a")
    alone = output("M3U8", "_audio", AudioDescriptions=sound(), OutputSettings={"HlsSettings": {"AudioOnlyContainer": "M2TS"}})
    done = run(kept, group("Hls", f"{OUT}x/index", alone), url="s3://holdfast-uploads/in/song.m4a")
    assert done.status is Status.COMPLETE
    assert set(s3.objects("out/")) == {"out/x/index.m3u8", "out/x/index_audio.m3u8", "out/x/index_audio_00001.ts"}
    assert _frames(s3.body("out/x/index_audio_00001.ts"))["audio"] > 40
    assert "VideoDetails" not in done.details[0]["OutputDetails"][0]


@pytest.mark.parametrize(
    ("url", "destination", "code", "words"),
    [
        ("s3://holdfast-uploads/in/none.mp4", OUT, 1404, "Unable to open input file"),
        ("s3://no-such-bucket/in/film.mp4", OUT, 1404, "no-such-bucket"),
        ("https://example.org/film.mp4", OUT, 3456, "https://example.org"),
        (FILM, "s3://no-such-bucket/out/", 1517, "bucket does not exist"),
    ],
)
def test_what_is_not_there_has_its_code(quick: Kept, film: FakeS3, url: str, destination: str, code: int, words: str) -> None:
    done = run(quick, ladder(f"{destination}x", 60), url=url)
    assert (done.status, done.error_code) == (Status.ERROR, code)
    assert words in done.error_message
    assert quick.statuses[-1] == "ERROR"
    assert quick.events[-1]["detail"]["errorCode"] == code
    assert not film.objects("out/")


def test_large_files_go_in_parts_and_fail_alike(film: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "SMALL", 0)
    (tmp_path / "x").write_bytes(b"x" * 100)
    storage.put(film.client, film.bucket, "out/x.ts", tmp_path / "x", content_type="video/mp2t")
    assert film.body("out/x.ts") == b"x" * 100
    with pytest.raises(JobError) as failed:
        storage.put(film.client, "no-such-bucket", "out/x.ts", tmp_path / "x", content_type="video/mp2t")
    assert failed.value.code == 1517


def test_a_full_disk_of_ours_is_no_fault_of_s3(film: FakeS3) -> None:
    with pytest.raises(JobError) as failed:
        storage.download(film.client, FILM, Path("/dev/full"), lambda: None)
    assert failed.value.code == 1507


class Refusing:
    """A client of S3 that answers one operation with an error, so many times."""

    def __init__(self, inner: Any, operation: str, code: str, times: int = 1_000) -> None:
        self._inner, self._operation, self._code, self.left = inner, operation, code, times

    def __getattr__(self, name: str) -> Any:
        if name != self._operation or self.left <= 0:
            return getattr(self._inner, name)
        return self._refuse

    def _refuse(self, **given: Any) -> Any:
        self.left -= 1
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, self._operation)


@pytest.mark.parametrize(
    ("operation", "answer", "code"),
    [("head_object", "403", 1401), ("get_object", "AccessDenied", 1401), ("head_object", "503", 3450), ("put_object", "AccessDenied", 1401)],
)
def test_what_s3_refuses_has_its_code(kept: Kept, film: FakeS3, monkeypatch: pytest.MonkeyPatch, operation: str, answer: str, code: int) -> None:
    monkeypatch.setattr(storage, "client", lambda *given, **named: Refusing(film.client, operation, answer))
    done = run(kept, ladder(f"{OUT}x", 60))
    assert (done.status, done.error_code) == (Status.ERROR, code)


@pytest.mark.parametrize(("times", "status"), [(2, Status.COMPLETE), (1_000, Status.ERROR)])
def test_s3_that_asks_to_slow_down_is_a_warning_first(quick: Kept, film: FakeS3, monkeypatch: pytest.MonkeyPatch, times: int, status: Status) -> None:
    monkeypatch.setattr(storage, "client", lambda *given, **named: Refusing(film.client, "put_object", "SlowDown", times))
    monkeypatch.setattr("processing.emulator.work.runner.SLOW_SECONDS", 0.0)
    done = run(quick, ladder(f"{OUT}x", 60))
    assert done.status is status
    assert done.warnings[270000] >= 2
    warning = next(event for event in quick.events if event["detail"]["status"] == "NEW_WARNING")
    assert warning["detail"]["warningCode"] == "270000"
    assert quick.events[-1]["detail"]["warnings"] == [{"code": 270000, "count": done.warnings[270000]}]


@pytest.mark.parametrize("phase", list(Phase))
def test_a_job_can_be_made_to_fail_in_each_phase(quick: Kept, film: FakeS3, phase: Phase) -> None:
    quick.fault(fault="job_error", code=1550, phase=phase.value)
    done = run(quick, ladder(f"{OUT}x", 60))
    assert (done.status, done.error_code, done.phase) == (Status.ERROR, 1550, phase)
    assert done.error_message == "Accelerated transcoding failed"
    assert not film.objects("out/")


@pytest.mark.parametrize("phase", list(Phase))
def test_a_job_can_be_stuck_in_each_phase(quick: Kept, film: FakeS3, phase: Phase) -> None:
    quick.fault(fault="stuck", phase=phase.value)
    done = run(quick, ladder(f"{OUT}x", 60))
    assert (done.status, done.phase) == (Status.PROGRESSING, phase)
    assert not {"COMPLETE", "ERROR"} & set(quick.statuses)


def test_an_output_can_be_too_short_all_the_same_complete(kept: Kept, film: FakeS3) -> None:
    kept.fault(fault="short_output", share=0.5)
    done = run(kept, ladder(f"{OUT}x", 60))
    assert done.status is Status.COMPLETE
    assert abs(done.details[0]["OutputDetails"][0]["DurationInMs"] - 1000) < 100
    assert _frames(film.body("out/x_60_00001.ts"))["video"] == 30


def test_an_output_can_be_missing_all_the_same_complete(quick: Kept, film: FakeS3) -> None:
    quick.fault(fault="missing_output", output=1)
    done = run(quick, ladder(f"{OUT}x", 60, 90))
    assert done.status is Status.COMPLETE
    assert set(film.objects("out/")) == {"out/x.m3u8", "out/x_60.m3u8", "out/x_60_00001.ts"}
    assert len(quick.events[-1]["detail"]["outputGroupDetails"][0]["outputDetails"]) == 2


def test_what_we_did_not_think_of_ends_the_job_and_is_raised(quick: Kept, film: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*given: Any, **named: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("processing.emulator.work.runner.plan", lost)
    one = job(settings(ladder(f"{OUT}x", 60), url=FILM))
    with pytest.raises(ZeroDivisionError):
        Worker(one, quick).run()
    assert (one.status, one.error_code) == (Status.ERROR, 1999)
    assert quick.statuses[-1] == "ERROR"
