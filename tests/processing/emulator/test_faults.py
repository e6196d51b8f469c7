"""Faults of requests and jobs: by operation, count, probability and match, and the same ones again from the same seed."""

from __future__ import annotations

import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from botocore.exceptions import ConnectionClosedError

from processing.emulator.faults import FaultBook, Rule, Subject, rule_of
from processing.emulator.state import Phase

from .api import INPUT, Api, finish, job, refusal, wait


def put(api: Api, *rules: dict[str, Any]) -> None:
    answer = requests.post(f"{api.url}/_emulator/faults", json=list(rules), timeout=60)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("rule", "status", "name"),
    [
        ({"fault": "throttle"}, 429, "TooManyRequestsException"),
        ({"fault": "quota"}, 402, "ServiceQuotaExceededException"),
        ({"fault": "forbidden", "message": "not you"}, 403, "ForbiddenException"),
        ({"fault": "error"}, 500, "InternalServerErrorException"),
        ({"fault": "error", "http_status": 503}, 503, "InternalServerErrorException"),
        ({"fault": "region_down", "http_status": 503}, 503, "InternalServerErrorException"),
    ],
)
def test_a_request_is_refused_as_often_as_the_rule_says(api: Api, rule: dict[str, Any], status: int, name: str) -> None:
    put(api, rule | {"operation": "CreateJob", "count": 2})
    for _ in range(2):
        assert refusal(api.client().create_job, **job())[:2] == (status, name)
    assert api.journal("job_created") == []
    assert api.client().create_job(**job())["Job"]["Status"] == "SUBMITTED"
    assert [entry["status"] for entry in api.journal("request")] == [status, status, 201]


def test_boto3s_own_retries_come_through(api: Api) -> None:
    put(api, {"fault": "throttle", "operation": "ListQueues", "count": 1}, {"fault": "reset_before", "operation": "ListQueues", "count": 1})
    assert api.client(tries=3).list_queues()["Queues"]
    assert [entry.get("error") for entry in api.journal("request")] == ["reset_before", "TooManyRequestsException", None]


def test_a_reset_before_the_commit_leaves_no_job_and_one_after_it_leaves_one(api: Api) -> None:
    put(api, {"fault": "reset_before", "count": 1}, {"fault": "reset_after", "operation": "CreateJob", "count": 1})
    for _ in range(2):
        with pytest.raises(ConnectionClosedError):
            api.client().create_job(**job(ClientRequestToken="t1"))
    assert [entry.get("error") for entry in api.journal("request")] == ["reset_before", "reset_after"]
    (made,) = api.journal("job_created")
    again = api.client().create_job(**job(ClientRequestToken="t1"))
    assert again["Job"]["Id"] == made["job"]


def test_a_reset_is_a_reset_and_not_an_end(api: Api) -> None:
    put(api, {"fault": "reset_before"})
    place = urlsplit(api.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=60) as connection:
        connection.sendall(b"GET /2017-08-29/queues HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_rules_match_region_input_and_metadata(api: Api) -> None:
    put(
        api,
        {"fault": "throttle", "operation": "CreateJob", "region": "eu-central-1"},
        {"fault": "quota", "operation": "CreateJob", "input": "upl_9/"},
        {"fault": "forbidden", "operation": "CreateJob", "metadata": {"attempt_id": "att_9"}},
        {"fault": "error", "operation": "GetJob", "metadata": {"attempt_id": "att_1"}},
        {"fault": "quota", "operation": "SearchJobs", "input": "upl_1/"},
    )
    client = api.client()
    number = client.create_job(**job())["Job"]["Id"]
    assert refusal(api.client("eu-central-1").create_job, **job())[0] == 429
    other = job()
    other["Settings"]["Inputs"][0]["FileInput"] = INPUT.replace("upl_1/", "upl_9/")
    assert refusal(client.create_job, **other)[0] == 402
    assert refusal(client.create_job, **job(UserMetadata={"attempt_id": "att_9"}))[0] == 403
    assert refusal(client.get_job, Id=number)[0] == 500
    assert refusal(client.search_jobs, InputFile=INPUT)[0] == 402
    assert client.search_jobs(InputFile="upl_2/")["Jobs"] == []


def test_the_first_ones_may_be_spared(api: Api) -> None:
    put(api, {"fault": "throttle", "operation": "ListJobs", "after": 2, "count": 1})
    client = api.client()
    client.list_jobs()
    client.list_jobs()
    assert refusal(client.list_jobs)[0] == 429
    client.list_jobs()


def test_a_region_that_is_down_answers_nothing_and_the_others_do(api: Api) -> None:
    put(api, {"fault": "region_down", "region": "eu-west-1"})
    with pytest.raises(ConnectionClosedError):
        api.client().list_jobs()
    assert api.client("eu-central-1").create_job(**job())["Job"]["Id"]
    requests.delete(f"{api.url}/_emulator/faults", timeout=60)
    assert api.client().list_jobs()["Jobs"] == []


def test_latency_is_on_the_emulators_clock(api: Api) -> None:
    put(api, {"fault": "latency", "seconds": 3600, "count": 1})
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(api.client().list_jobs()))
    asking.start()
    wait(lambda: api.emulator.faults.listing()[0]["hits"])
    assert answers == []
    api.emulator.clock.advance(3601)
    asking.join(60)
    assert answers[0]["Jobs"] == []


def test_answers_can_lag_behind(api: Api) -> None:
    client = api.client()
    first = client.create_job(**job())["Job"]["Id"]
    api.ended(first)
    api.emulator.clock.advance(100)
    second = client.create_job(**job())["Job"]["Id"]
    api.ended(second)
    put(api, {"fault": "lag", "seconds": 50})
    assert client.get_job(Id=first)["Job"]["Status"] == "COMPLETE"
    assert refusal(client.get_job, Id=second)[:2] == (404, "NotFoundException")
    assert [found["Id"] for found in client.search_jobs(InputFile=INPUT)["Jobs"]] == [first]
    assert [found["Id"] for found in client.list_jobs()["Jobs"]] == [first]
    api.emulator.clock.advance(51)
    assert client.get_job(Id=second)["Job"]["Status"] == "COMPLETE"


def test_a_lagging_answer_shows_the_state_that_was(api: Api) -> None:
    def slowly(job: Any, services: Any) -> None:
        services.progress(job, Phase.TRANSCODING, 40)
        services.clock.advance(100)
        services.complete(job, [])

    api.desk.script = slowly
    api.emulator.queues.update("eu-west-1", {"Name": "Default", "Status": "PAUSED"})
    number = api.client().create_job(**job())["Job"]["Id"]
    api.emulator.clock.advance(1000)
    api.emulator.queues.update("eu-west-1", {"Name": "Default", "Status": "ACTIVE"})
    assert api.ended(number)["Status"] == "COMPLETE"
    put(api, {"fault": "lag", "seconds": 50, "count": 1}, {"fault": "lag", "seconds": 500, "count": 1})
    running = api.client().get_job(Id=number)["Job"]
    assert (running["Status"], running["CurrentPhase"], running["JobPercentComplete"]) == ("PROGRESSING", "TRANSCODING", 40)
    assert "FinishTime" not in running["Timing"]
    waiting = api.client().get_job(Id=number)["Job"]
    assert (waiting["Status"], "StartTime" in waiting["Timing"], "OutputGroupDetails" in waiting) == ("SUBMITTED", False, False)


def test_a_job_can_be_stuck_before_it_starts_and_be_canceled(api: Api) -> None:
    put(api, {"fault": "stuck", "phase": "SUBMITTED", "metadata": {"attempt_id": "att_1"}})
    stuck = api.client().create_job(**job())["Job"]["Id"]
    other = api.client().create_job(**job(UserMetadata={}))["Job"]["Id"]
    api.ended(other)
    assert api.client().get_job(Id=stuck)["Job"]["Status"] == "SUBMITTED"
    api.client().cancel_job(Id=stuck)
    assert api.client().get_job(Id=stuck)["Job"]["Status"] == "CANCELED"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "fault: must be one of throttle, "),
        ({"fault": "flood"}, "fault: must be one of"),
        ({"fault": "throttle", "colour": 1}, "colour: there is no such thing in a rule"),
        ({"fault": "throttle", "count": "3"}, "count: '3' is not of the right kind"),
        ({"fault": "throttle", "probability": 2}, "probability: must be between 0 and 1"),
        ({"fault": "job_error"}, "job_error: needs a code"),
        ({"fault": "stuck"}, "stuck: needs a phase"),
        (["throttle"], "a JSON list of rules is wanted"),
    ],
)
def test_a_rule_that_is_none_is_refused(api: Api, rule: Any, words: str) -> None:
    answer = requests.post(f"{api.url}/_emulator/faults", json=[rule], timeout=60)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert api.emulator.faults.listing() == []


SUBJECTS = [Subject("eu-west-1", "CreateJob", (f"s3://b/{number}",)) for number in range(400)]


def drawn(seed: int, subjects: list[Subject]) -> set[str]:
    book = FaultBook(seed)
    book.add([rule_of({"fault": "throttle", "probability": 0.3})])
    return {subject.inputs[0] for subject in subjects if book.take(book._rules[0].fault, subject)}


def test_chance_depends_on_the_seed_and_not_on_the_order() -> None:
    hit = drawn(7, SUBJECTS)
    assert drawn(7, SUBJECTS[::-1]) == hit
    assert drawn(8, SUBJECTS) != hit
    assert 80 < len(hit) < 160


def test_another_seed_can_be_set_with_a_reset(api: Api) -> None:
    def outcomes(**body: int) -> list[bool]:
        assert requests.post(f"{api.url}/_emulator/reset", json=body, timeout=60).status_code == 200
        put(api, {"fault": "throttle", "probability": 0.5})
        fault = api.emulator.faults._rules[0].fault
        return [api.emulator.faults.take(fault, subject) is not None for subject in SUBJECTS[:40]]

    first = outcomes()
    assert outcomes(seed=5) != first
    assert outcomes() == first
    assert requests.post(f"{api.url}/_emulator/reset", json={"seed": "x"}, timeout=60).status_code == 400


def test_chance_is_drawn_anew_for_each_request_of_one_subject() -> None:
    book = FaultBook(1)
    book.add([rule_of({"fault": "throttle", "probability": 0.5})])
    outcomes = [book.take(book._rules[0].fault, SUBJECTS[0]) is not None for _ in range(60)]
    assert set(outcomes) == {True, False}


def test_a_rule_of_a_phase_is_for_that_phase() -> None:
    book = FaultBook()
    book.add([rule_of({"fault": "job_error", "code": 1010, "phase": "PROBING"}), rule_of({"fault": "job_error", "code": 1999})])
    fault = book._rules[0].fault
    found = [book.take(fault, Subject(phase=phase)) for phase in ("PROBING", "TRANSCODING", "UPLOADING")]
    assert [rule.params["code"] if isinstance(rule, Rule) else None for rule in found] == [1010, 1999, None]


def test_reset_forgets_everything(api: Api) -> None:
    client = api.client()
    put(api, {"fault": "throttle", "operation": "GetJob"})
    client.create_queue(Name="q")
    number = client.create_job(**job())["Job"]["Id"]
    requests.post(f"{api.url}/_emulator/clock", json={"advance_s": 1000}, timeout=60)
    assert requests.post(f"{api.url}/_emulator/reset", timeout=60).json() == {"stopped": True}
    assert requests.get(f"{api.url}/_emulator/journal", timeout=60).json() == []
    assert refusal(client.get_job, Id=number)[0] == 404
    assert [queue["Name"] for queue in client.list_queues()["Queues"]] == ["Default"]


def test_the_journal_is_read_on_from_a_number(api: Api) -> None:
    api.desk.script = finish
    api.client().list_jobs()
    first = requests.get(f"{api.url}/_emulator/journal", timeout=60).json()
    api.client().list_queues()
    (more,) = requests.get(f"{api.url}/_emulator/journal?since={first[-1]['n']}", timeout=60).json()
    assert (more["operation"], more["status"], more["region"]) == ("ListQueues", 200, "eu-west-1")
    assert requests.get(f"{api.url}/_emulator/journal?since=x", timeout=60).status_code == 400


@pytest.mark.parametrize("body", [{}, {"advance_s": "x"}, {"advance_s": -1}, []])
def test_a_clock_goes_only_forward(api: Api, body: Any) -> None:
    assert requests.post(f"{api.url}/_emulator/clock", json=body, timeout=60).status_code == 400
