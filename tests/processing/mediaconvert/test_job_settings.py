"""What is ordered of MediaConvert, over all kinds of sources: the API's model takes it, its further rules too, and the emulator makes all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with

from processing.emulator.rules import check_job
from processing.emulator.validate import checked
from processing.emulator.wire import encode
from processing.emulator.work import supported
from processing.engines.base import EngineFailure, Order
from processing.engines.mediaconvert import names
from processing.engines.mediaconvert.job_settings import AAC_BPS, LEAST_SIDE, aac_bps, create_job, poster_seconds, poster_size
from processing.ladder import Rung, ladder

from .orders import FILM, PLACE, order, orders

SHAPE = botocore.session.get_session().get_service_model("mediaconvert").operation_model("CreateJob").input_shape


def made(wish: Order, **place: Any) -> dict[str, Any]:
    return create_job(wish, replace(PLACE, **place), token=wish.attempt_id)


def groups(wish: Order) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made(wish)["Settings"]["OutputGroups"]
    return found


def destinations(request: dict[str, Any]) -> Iterator[str]:
    for group in request["Settings"]["OutputGroups"]:
        (own,) = (value for name, value in group["OutputGroupSettings"].items() if name != "Type")
        yield from (own["Destination"] + output.get("NameModifier", "") for output in group["Outputs"])


def takes_it(wish: Order) -> bool:
    return all(rung.is_audio or min(rung.width, rung.height) >= LEAST_SIDE for rung in wish.missing)


@run_with(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(orders())
def test_the_service_would_take_every_order(wish: Order) -> None:
    if not takes_it(wish):
        with pytest.raises(EngineFailure):
            made(wish)
        return
    request = made(wish)
    report = ParamValidator().validate(request, SHAPE)
    assert not report.has_errors(), report.generate_report()
    check_job(checked(SHAPE, encode(SHAPE, request)))
    supported.check(request["Settings"])
    assert len(set(destinations(request))) == len(list(destinations(request)))


@run_with(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(orders().filter(takes_it))
def test_pictures_are_even_capped_and_cut_alike(wish: Order) -> None:
    for group in groups(wish):
        for output in group["Outputs"]:
            picture = output.get("VideoDescription")
            if picture is None:
                continue
            assert picture["Width"] % 2 == picture["Height"] % 2 == 0
            h264 = picture["CodecSettings"].get("H264Settings")
            if h264 is not None:
                assert h264["RateControlMode"] == "QVBR"
                assert "Bitrate" not in h264
                assert h264["MaxBitrate"] > 0
                assert (h264["GopSize"], h264["GopSizeUnits"], h264["SceneChangeDetect"]) == (2.0, "SECONDS", "DISABLED")


def test_rungs_are_ordered_lowest_first_each_in_its_own_folder() -> None:
    found = groups(order())
    assert [group["Name"] for group in found] == ["360p", "480p", "720p", "1080p", "poster"]
    hls = found[0]["OutputGroupSettings"]["HlsGroupSettings"]
    assert hls["Destination"] == "s3://holdfast-renditions/renditions/vid_1/job_1/att_1/360p/index"
    assert (hls["SegmentLength"], hls["SegmentLengthControl"]) == (6, "GOP_MULTIPLE")


def test_only_missing_rungs_are_ordered() -> None:
    rungs = ladder(FILM)
    found = groups(order(missing=tuple(rungs[2:]), needs_poster=False))
    assert [group["Name"] for group in found] == ["720p", "1080p"]


def test_names_of_files_are_derived_from_the_order_alone() -> None:
    wish = order()
    listed = list(destinations(made(wish)))
    for rung, found in zip(wish.missing, listed, strict=False):
        assert f"{found}.m3u8" == PLACE.outputs + names.rung_playlist(wish.prefix, rung)
    assert f"{listed[-1]}.0000001.jpg" == PLACE.outputs + names.posters(wish.prefix)[0]


def test_a_source_without_sound_orders_none() -> None:
    request = made(order(FILM | {"audio": None}))
    assert "AudioSelectors" not in request["Settings"]["Inputs"][0]
    assert all("AudioDescriptions" not in output for group in request["Settings"]["OutputGroups"] for output in group["Outputs"])


def test_sound_alone_is_one_stream_in_a_container_every_player_knows() -> None:
    (group,) = groups(order(FILM | {"video": None}))
    (output,) = group["Outputs"]
    assert "VideoDescription" not in output
    assert output["OutputSettings"] == {"HlsSettings": {"AudioOnlyContainer": "M2TS"}}


def test_a_recording_without_a_clock_of_its_own_gets_one() -> None:
    measured = FILM | {"measured": True}
    h264 = groups(order(measured))[0]["Outputs"][0]["VideoDescription"]["CodecSettings"]["H264Settings"]
    assert (h264["FramerateControl"], h264["FramerateNumerator"] / h264["FramerateDenominator"]) == ("SPECIFIED", 30.0)


def test_who_asked_is_in_the_job() -> None:
    request = made(order(), queue="arn:aws:mediaconvert:eu-west-1:111122223333:queues/Default", status_seconds=10, priority=-20)
    assert request["UserMetadata"] == {"attempt_id": "att_1", "job_id": "job_1", "env": "test", "schema": "1"}
    assert request["ClientRequestToken"] == "att_1"
    assert (request["StatusUpdateInterval"], request["Priority"], request["Role"]) == ("SECONDS_10", -20, PLACE.role)
    assert request["Queue"].endswith("queues/Default")
    assert request["Tags"] == {"app": "holdfast", "env": "test"}


@pytest.mark.parametrize(("accelerated", "mode"), [(True, "PREFERRED"), (False, "DISABLED")])
def test_acceleration_is_wished_for_or_off(accelerated: bool, mode: str) -> None:
    assert made(order(), accelerated=accelerated)["AccelerationSettings"] == {"Mode": mode}


def test_the_same_order_is_the_same_request() -> None:
    assert made(order()) == made(order())


def test_a_tiny_picture_is_for_another_engine() -> None:
    with pytest.raises(EngineFailure) as refused:
        made(order(missing=(Rung("20p", 36, 20, video_bps=800_000),)))
    assert refused.value.failure.code == "1030"


@pytest.mark.parametrize(("wanted", "given"), [(96_000, 96_000), (128_000, 128_000), (160_000, 160_000), (100_000, 96_000), (1, 64_000), (10**7, 320_000)])
def test_sound_has_a_rate_of_the_service(wanted: int, given: int) -> None:
    assert aac_bps(wanted) == given
    assert given in AAC_BPS


def test_the_poster_is_no_larger_than_it_must_be_and_comes_from_a_little_way_in() -> None:
    assert poster_size(Rung("1080p", 1920, 1080)) == (1280, 720)
    assert poster_size(Rung("360p", 640, 360)) == (640, 360)
    assert (poster_seconds({"duration_s": 100.0}), poster_seconds({"duration_s": 3.0}), poster_seconds({})) == (10, 1, 1)
