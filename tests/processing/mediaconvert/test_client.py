"""What a call to MediaConvert comes to: done, refused, never sent, or nobody knows. The last is never taken for one of the others."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from processing.engines.mediaconvert import client
from resilience.circuits import CircuitOpen

from .answers import CUT, Answers, answering

pytestmark = pytest.mark.django_db

JOB = {"Role": "arn:aws:iam::111122223333:role/r", "Settings": {}}


@pytest.fixture
def region(request: pytest.FixtureRequest) -> str:
    """A region of the test's own: circuits live as long as the process."""
    return f"eu-test-{abs(hash(request.node.nodeid)) % 10**9}"


def create(settings: Any, region: str, told: Answers, **arguments: Any) -> dict[str, Any]:
    settings.MEDIACONVERT_ENDPOINT_URL = told.url
    return client.call(region, "create_job", **JOB, **arguments)


def test_an_answer_is_returned(settings: Any, region: str) -> None:
    with answering((201, {"job": {"id": "123-abc"}})) as told:
        assert create(settings, region, told)["Job"]["Id"] == "123-abc"
        assert told.asked == ["POST /2017-08-29/jobs"]


@pytest.mark.parametrize(("status", "code"), [(400, "BadRequestException"), (403, "ForbiddenException"), (402, "ServiceQuotaExceededException")])
def test_a_refusal_says_that_nothing_was_done(settings: Any, region: str, status: int, code: str) -> None:
    with answering((status, code)) as told, pytest.raises(client.Refused) as refused:
        create(settings, region, told)
    assert (refused.value.status, refused.value.failure.source, refused.value.failure.code) == (status, "botocore", code)
    assert refused.value.failure.message == f"{code} was said"
    assert len(told.asked) == 1


def test_what_is_missing_says_so(settings: Any, region: str) -> None:
    with answering((404, "NotFoundException")) as told, pytest.raises(client.Missing):
        create(settings, region, told)


def test_throttling_is_tried_three_times_and_is_a_refusal(settings: Any, region: str) -> None:
    with answering((429, "TooManyRequestsException")) as told, pytest.raises(client.Refused) as refused:
        create(settings, region, told)
    assert (refused.value.status, len(told.asked)) == (429, client.TRIES)


@pytest.mark.parametrize("answers", [[(CUT, "")], [(500, "InternalServerErrorException")], [(CUT, ""), (429, "TooManyRequestsException")]], ids=str)
def test_a_request_that_may_have_been_carried_out_is_an_unknown_outcome(settings: Any, region: str, answers: list[tuple[int, str]]) -> None:
    with answering(*answers) as told, pytest.raises(client.OutcomeUnknown):
        create(settings, region, told)
    assert len(told.asked) == client.TRIES


def test_a_lost_answer_is_asked_for_again_with_the_same_token(settings: Any, region: str) -> None:
    with answering((CUT, ""), (201, {"job": {"id": "123-abc"}})) as told:
        assert create(settings, region, told, ClientRequestToken="same")["Job"]["Id"] == "123-abc"


def test_without_a_connection_nothing_was_sent(settings: Any, region: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        settings.MEDIACONVERT_ENDPOINT_URL = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(client.Unreachable) as away:
            client.call(region, "get_job", Id="1")
    assert away.value.failure.code == "EndpointConnectionError"


def test_no_try_begins_after_its_time(settings: Any, region: str) -> None:
    with answering((201, {"job": {"id": "late"}})) as told, pytest.raises(client.Unreachable) as late:
        create(settings, region, told, begin_seconds=-1)
    assert (late.value.failure.code, told.asked) == ("OutOfTime", [])


def test_a_try_that_was_not_answered_counts_though_time_is_over(settings: Any, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering((CUT, "")) as told:
        clock = SimpleNamespace(monotonic=lambda: 100.0 * len(told.asked))
        monkeypatch.setattr(client, "time", clock)
        with pytest.raises(client.OutcomeUnknown) as unknown:
            create(settings, region, told)
    assert (unknown.value.failure.code, len(told.asked)) == ("ConnectionClosedError", 1)


def test_a_region_that_fails_is_left_alone(settings: Any, region: str) -> None:
    with answering((500, "InternalServerErrorException")) as told:
        for _ in range(5):
            with pytest.raises(client.OutcomeUnknown):
                create(settings, region, told)
        with pytest.raises(CircuitOpen) as rests:
            create(settings, region, told)
    assert rests.value.fields["circuit"] == f"engine.mediaconvert:{region}"
    assert len(told.asked) == 5 * client.TRIES


def test_refusals_of_one_request_do_not_open_the_circuit(settings: Any, region: str) -> None:
    with answering((400, "BadRequestException")) as told:
        for _ in range(12):
            with pytest.raises(client.Refused):
                create(settings, region, told)


def test_a_call_stays_within_its_budget() -> None:
    assert client.BEGIN_SECONDS + client.CONNECT_SECONDS + client.READ_SECONDS < 40


def test_each_region_has_its_address(settings: Any) -> None:
    settings.MEDIACONVERT_ENDPOINT_URL = ""
    assert client.client("eu-west-1").meta.endpoint_url == "https://mediaconvert.eu-west-1.amazonaws.com"
    settings.MEDIACONVERT_ENDPOINT_URL = "http://127.0.0.1:4000/{region}"
    assert client.client("eu-central-1").meta.endpoint_url == "http://127.0.0.1:4000/eu-central-1"
    assert client.client("eu-central-1") is client.client("eu-central-1")
