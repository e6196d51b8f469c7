"""`fast`: the same names, lengths and codes for next to no work; and what is asked beside jobs: Probe, the events' queue."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import boto3
import pytest

from processing.emulator.errors import ApiError
from processing.emulator.state import Options, Status
from processing.emulator.work import fast, inputs, probe, send, storage
from tests import media
from tests.s3 import FakeS3

from .jobs import FILM, OUT, Kept, captures, group, h264, ladder, output, run, sound


@pytest.fixture
def quick(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Nothing is remembered from other tests."""
    monkeypatch.setattr(inputs, "_known", type(inputs._known)())
    monkeypatch.setattr(fast, "_kept", type(fast._kept)())
    s3.client.upload_file(str(media.clip(seconds=2, width=160, height=90)), s3.bucket, "in/film.mp4")
    return Kept(Options(s3_endpoint=s3.url, fast=True))


def _wanted(name: str) -> tuple[dict[str, Any], ...]:
    film = output("MP4", "_x", VideoDescription=h264(), AudioDescriptions=sound())
    return ladder(f"{OUT}{name}/index", 90), group("File", f"{OUT}{name}/", film, output("RAW", "_p", VideoDescription=captures(MaxCaptures=2)))


def test_it_makes_the_same_files_of_the_same_length(quick: Kept, s3: FakeS3) -> None:
    real = run(Kept(Options(s3_endpoint=s3.url)), *_wanted("real"))
    done = run(quick, *_wanted("fast"))
    assert (real.status, done.status) == (Status.COMPLETE, Status.COMPLETE)
    names = [{key.split("/", 2)[2] for key in s3.objects(f"out/{kind}/")} for kind in ("real", "fast")]
    assert names[0] == names[1]
    assert done.details == real.details
    assert quick.statuses == ["PROGRESSING", "INPUT_INFORMATION", "COMPLETE"]


def test_what_was_made_once_is_not_made_again(quick: Kept, s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(quick, *_wanted("a"))
    asked: dict[str, int] = {}
    monkeypatch.setattr(storage, "head", _counted(storage.head, asked))
    monkeypatch.setattr(storage, "download", _never)
    monkeypatch.setattr(fast, "pretend", _never)
    again = run(quick, *_wanted("b"))
    assert again.details == first.details
    assert asked == {"head": 1}  # that the input is there is asked each time
    assert b"index_90_00001.ts" in s3.body("out/b/index_90.m3u8")
    assert s3.body("out/a/index_90_00001.ts") == s3.body("out/b/index_90_00001.ts")


def _never(*given: Any, **named: Any) -> None:
    raise AssertionError("this is work that was done before")


def _counted(function: Any, counts: dict[str, int]) -> Any:
    def counting(*given: Any) -> Any:
        counts[function.__name__] = counts.get(function.__name__, 0) + 1
        return function(*given)

    return counting


def test_an_input_that_is_gone_is_gone(quick: Kept, s3: FakeS3) -> None:
    assert run(quick, ladder(f"{OUT}x", 60)).status is Status.COMPLETE
    s3.client.delete_object(Bucket=s3.bucket, Key="in/film.mp4")
    assert run(quick, ladder(f"{OUT}x", 60)).error_code == 1404


def test_a_broken_input_is_broken_each_time_under_its_own_name(quick: Kept, s3: FakeS3) -> None:
    for name in ("a.mp4", "b.mp4"):
        s3.client.put_object(Bucket=s3.bucket, Key=f"in/{name}", Body=random.Random(3).randbytes(5_000))
        done = run(quick, ladder(f"{OUT}x", 60), url=f"s3://{s3.bucket}/in/{name}")
        assert done.error_code == 1010
        assert f"in/{name}]" in done.error_message


def test_outputs_in_memory_have_a_limit(quick: Kept, s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "BYTES_KEPT", 1)
    for height in (60, 90):
        assert run(quick, ladder(f"{OUT}x{height}", height)).status is Status.COMPLETE
    assert len(fast._kept) == 1


def test_probe_says_what_a_file_holds(quick: Kept) -> None:
    (found,) = probe([{"FileUrl": FILM}], quick)
    assert (found["Container"]["Format"], found["Container"]["Duration"]) == ("mp4", pytest.approx(2, abs=0.1))
    picture, heard = found["Container"]["Tracks"]
    assert (picture["TrackType"], picture["Codec"], picture["VideoProperties"]["Width"]) == ("video", "AVC", 160)
    assert picture["VideoProperties"]["FrameRate"] == {"Numerator": 30, "Denominator": 1}
    assert (heard["TrackType"], heard["Codec"], heard["AudioProperties"]["SampleRate"]) == ("audio", "AAC", 44_100)
    assert found["TrackMappings"] == [{"AudioTrackIndexes": [2], "DataTrackIndexes": [], "VideoTrackIndexes": [1]}]
    assert found["Metadata"]["FileSize"] > 1_000


@pytest.mark.parametrize(
    ("name", "refusal"),
    [("none.mp4", "NotFoundException"), ("noise.mp4", "BadRequestException"), ("short.mp4", "UnprocessableEntityException"), ("", "BadRequestException")],
)
def test_probe_refuses_as_the_service_does(quick: Kept, s3: FakeS3, tmp_path: Path, name: str, refusal: str) -> None:
    s3.client.put_object(Bucket=s3.bucket, Key="in/noise.mp4", Body=random.Random(5).randbytes(5_000))
    media.cut(media.clip(seconds=1, faststart=True), tmp_path / "short.mp4", share=0.6)
    s3.client.upload_file(str(tmp_path / "short.mp4"), s3.bucket, "in/short.mp4")
    with pytest.raises(ApiError) as refused:
        probe([{"FileUrl": f"s3://{s3.bucket}/in/{name}" if name else "https://example.org/x"}], quick)
    assert refused.value.name == refusal


def test_events_go_to_the_queue_of_their_region(s3: FakeS3) -> None:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    sqs = boto3.session.Session().client("sqs", endpoint_url=s3.url, region_name="eu-central-1", **keys)
    url = sqs.create_queue(QueueName="events-eu-central-1")["QueueUrl"]
    services = Kept(Options(sqs_endpoint=s3.url, queue_url=url.replace("events-eu-central-1", "events-{region}")))
    send("eu-central-1", ['{"a": 1}', '{"b": 2}'], services)
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in got) == ['{"a": 1}', '{"b": 2}']


def test_a_queue_that_takes_only_some_events_has_taken_none(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half:
        def send_message_batch(self, **given: Any) -> dict[str, Any]:
            return {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError", "Message": "later"}]}

    monkeypatch.setattr(storage, "client", lambda *given, **named: Half())
    with pytest.raises(OSError, match="1 of 2 messages were not taken: InternalError"):
        send("eu-west-1", ["a", "b"], Kept())
