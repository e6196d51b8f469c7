"""What EventBridge sends is read without believing any of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from processing.engines.base import News
from processing.events.envelope import Malformed, observation, read

from .envelopes import OF_STATUS, envelope, message


@pytest.mark.parametrize("status", sorted(OF_STATUS))
def test_every_shape_of_the_reference_is_read(status: str) -> None:
    found = read(message(status, job_id="j-1", attempt_id="att_1"))
    assert (found.job_id, found.status, found.engine, found.attempt_id, found.env) == ("j-1", status, "mediaconvert:eu-west-1", "att_1", "embedded")
    assert found.sent_at == datetime(2026, 11, 22, 5, 0, 0, 123000, tzinfo=UTC)


def test_a_status_update_says_how_far_it_is_and_what_it_does() -> None:
    news = observation(read(message("STATUS_UPDATE")))
    assert news is not None
    assert (news.news, news.percent, news.phase) == (News.PROGRESSING, 42.0, "transcoding")


@pytest.mark.parametrize("progress", [None, [], {}, {"jobPercentComplete": None}, {"jobPercentComplete": "42"}, {"jobPercentComplete": 4200}])
def test_a_percentage_that_is_none_is_left_out(progress: Any) -> None:
    news = observation(read(message("STATUS_UPDATE", jobProgress=progress)))
    assert news is not None
    assert news.percent is None


def test_an_error_keeps_code_and_words_for_the_classifier() -> None:
    news = observation(read(message("ERROR", errorCode=1999, errorMessage=None)))
    assert news is not None
    assert news.failure is not None
    assert (news.failure.source, news.failure.code, news.failure.message) == ("mediaconvert", "1999", "")


@pytest.mark.parametrize("status", ["NEW_WARNING", "QUEUE_HOP"])
def test_what_says_nothing_of_progress_is_no_observation(status: str) -> None:
    assert observation(read(message(status))) is None


def test_a_status_of_tomorrow_is_no_observation() -> None:
    assert observation(read(message("DREAMING"))) is None


def _without(*path: str) -> str:
    body = envelope("COMPLETE")
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return json.dumps(body)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="half"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("[]", id="list"),
        pytest.param('"COMPLETE"', id="string"),
        pytest.param('{"Service":"Amazon S3","Event":"s3:TestEvent"}', id="of_s3"),
        pytest.param(json.dumps(envelope("COMPLETE") | {"source": "aws.s3"}), id="another_source"),
        pytest.param(json.dumps(envelope("COMPLETE") | {"detail": "COMPLETE"}), id="detail_is_text"),
        pytest.param(json.dumps(envelope("COMPLETE") | {"region": "http://evil/"}), id="no_region"),
        pytest.param(json.dumps(envelope("COMPLETE") | {"id": "x" * 5000}), id="endless_id"),
        pytest.param(json.dumps(envelope("COMPLETE") | {"id": 7}), id="number_for_id"),
        pytest.param(json.dumps(envelope("COMPLETE", job_id="a\0b")), id="nul"),
        pytest.param(message("ERROR", errorMessage="\ud800"), id="half_a_character"),
        pytest.param(message("ERROR", errorMessage="a\0b"), id="nul_inside"),
        pytest.param(message("ERROR", errorCode=float("nan")), id="not_a_number"),
        pytest.param(message("ERROR").replace("1040", "1e999"), id="endless_number"),
        pytest.param(_without("id"), id="without_id"),
        pytest.param(_without("detail", "jobId"), id="without_job"),
        pytest.param(_without("detail", "status"), id="without_status"),
    ],
)
def test_what_is_no_event_of_a_job_is_malformed_and_says_why(text: str) -> None:
    with pytest.raises(Malformed, match=r"^(is|has|comes|holds)"):
        read(text)


@pytest.mark.parametrize("metadata", [None, [], "att_1", {"attempt_id": None}])
def test_metadata_that_is_not_ours_is_taken_as_none(metadata: Any) -> None:
    found = read(message("COMPLETE", userMetadata=metadata))
    assert (found.env, found.attempt_id) == ("", "")


@pytest.mark.parametrize(("timestamp", "time"), [(None, "yesterday"), (1e30, None), ("soon", ""), (True, "no")])
def test_a_time_that_is_none_is_left_out(timestamp: Any, time: Any) -> None:
    body = envelope("COMPLETE", timestamp=timestamp) | {"time": time}
    found = read(json.dumps(body)).sent_at
    assert found is None or found.year == 1970
