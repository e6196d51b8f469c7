"""Queues, tags, endpoints, Probe, and what is not supported, by boto3."""

from __future__ import annotations

import botocore.session
import pytest
import requests

from processing.emulator.errors import ApiError
from processing.emulator.operations import SUPPORTED
from processing.emulator.wire import model

from .api import Api, job, refusal, wait


def test_a_queue_is_made_changed_listed_and_deleted(api: Api) -> None:
    client = api.client()
    made = client.create_queue(Name="films", Description="big ones", Tags={"env": "test"}, ConcurrentJobs=2)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["Queue"]["Type"], made["Queue"]["Status"], made["Queue"]["PricingPlan"]) == ("CUSTOM", "ACTIVE", "ON_DEMAND")
    assert client.list_tags_for_resource(Arn=made["Queue"]["Arn"])["ResourceTags"]["Tags"] == {"env": "test"}
    assert client.update_queue(Name="films", Description="bigger ones")["Queue"]["Description"] == "bigger ones"
    assert [queue["Name"] for queue in client.list_queues(ListBy="NAME")["Queues"]] == ["Default", "films"]
    assert [queue["Name"] for queue in client.list_queues(ListBy="NAME", Order="DESCENDING", MaxResults=1)["Queues"]] == ["films"]
    assert [queue["Name"] for page in client.get_paginator("list_queues").paginate(MaxResults=1) for queue in page["Queues"]] == ["Default", "films"]
    assert refusal(client.list_queues, NextToken="nowhere")[0] == 400
    assert client.get_queue(Name=made["Queue"]["Arn"].rpartition("/")[2])["Queue"]["ConcurrentJobs"] == 2
    assert client.delete_queue(Name="films")["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert refusal(client.get_queue, Name="films")[:2] == (404, "NotFoundException")


def test_a_paused_queue_keeps_its_jobs(api: Api) -> None:
    client = api.client()
    client.create_queue(Name="slow", Status="PAUSED")
    number = client.create_job(**job(Queue="slow"))["Job"]["Id"]
    other = client.create_job(**job())["Job"]["Id"]
    assert api.ended(other)["Status"] == "COMPLETE"
    assert client.get_job(Id=number)["Job"]["Status"] == "SUBMITTED"
    assert client.get_queue(Name="slow")["Queue"]["SubmittedJobsCount"] == 1
    assert refusal(client.delete_queue, Name="slow")[:2] == (409, "ConflictException")
    client.update_queue(Name="slow", Status="ACTIVE")
    assert api.ended(number)["Status"] == "COMPLETE"
    client.delete_queue(Name="slow")


def test_the_default_queue_cannot_be_deleted_and_names_are_unique(api: Api) -> None:
    client = api.client()
    assert refusal(client.delete_queue, Name="Default")[:2] == (409, "ConflictException")
    assert refusal(client.create_queue, Name="Default")[:2] == (409, "ConflictException")
    for number in range(9):
        client.create_queue(Name=f"queue-{number}")
    assert refusal(client.create_queue, Name="one-too-many")[0] == 400


@pytest.mark.parametrize(
    "queue",
    ["nowhere", "arn:aws:mediaconvert:eu-central-1:123456789012:queues/Default", "arn:aws:mediaconvert:eu-west-1:999999999999:queues/Default"],
)
def test_a_job_for_a_queue_that_is_not_here_is_refused(api: Api, queue: str) -> None:
    assert refusal(api.client().create_job, **job(Queue=queue))[:2] == (404, "NotFoundException")
    assert api.journal("job_created") == []


@pytest.mark.parametrize(
    "wish",
    [
        {"PricingPlan": "RESERVED", "ReservationPlanSettings": {"Commitment": "ONE_YEAR", "RenewalType": "EXPIRE", "ReservedSlots": 1}},
        {"MaximumConcurrentFeeds": 1},
        {"ConcurrentJobs": 0},
    ],
)
def test_queues_that_are_not_emulated_are_refused_by_name(api: Api, wish: dict[str, object]) -> None:
    status, _, message = refusal(api.client().create_queue, Name="q", **wish)
    assert status == 400
    assert message.startswith("/")


def test_tags_are_put_on_taken_off_and_listed(api: Api) -> None:
    client = api.client()
    arn = client.create_job(**job(Tags={"app": "holdfast", "env": "test"}))["Job"]["Arn"]
    client.tag_resource(Arn=arn, Tags={"env": "live", "team": "video"})
    client.untag_resource(Arn=arn, TagKeys=["app"])
    assert client.list_tags_for_resource(Arn=arn)["ResourceTags"] == {"Arn": arn, "Tags": {"env": "live", "team": "video"}}
    assert refusal(client.tag_resource, Arn=arn, Tags={"aws:x": "1"})[0] == 400
    assert refusal(client.tag_resource, Arn=arn, Tags={f"k{number}": "" for number in range(49)})[0] == 400
    assert refusal(client.list_tags_for_resource, Arn=arn + "x")[:2] == (404, "NotFoundException")


@pytest.mark.parametrize(
    "tags", [{"aws:x": "1"}, {"x": "1" * 257}, {"": "1"}, {f"k{number}": "" for number in range(51)}], ids=["aws", "long", "empty", "many"]
)
def test_wrong_tags_make_neither_job_nor_queue(api: Api, tags: dict[str, str]) -> None:
    assert refusal(api.client().create_job, **job(Tags=tags))[0] == 400
    assert refusal(api.client().create_queue, Name="q", Tags=tags)[0] == 400
    assert api.journal("job_created") == []
    assert refusal(api.client().get_queue, Name="q")[0] == 404


def test_endpoints_are_the_emulator_itself(api: Api) -> None:
    assert api.client().describe_endpoints(Mode="DEFAULT")["Endpoints"] == [{"Url": api.url}]


def test_probe_tells_of_a_file_or_refuses_it(api: Api) -> None:
    client = api.client()
    found = client.probe(InputFiles=[{"FileUrl": "s3://bucket/file.mp4"}])
    assert found["ProbeResults"][0]["Container"]["Duration"] == 2.0
    assert refusal(client.probe)[2] == "/inputFiles: Should have at least 1 items"
    assert refusal(client.probe, InputFiles=[{}])[2] == "/inputFiles/0: fileUrl is a required property"
    api.desk.refuse = ApiError("UnprocessableEntityException", "The file is malformed")
    assert refusal(client.probe, InputFiles=[{"FileUrl": "s3://b/f"}])[:2] == (422, "UnprocessableEntityException")


def test_every_operation_of_the_model_is_known_and_the_rest_answers_501_with_its_name(api: Api) -> None:
    assert len(model().operation_names) == 34
    assert set(SUPPORTED) < set(model().operation_names)
    client = api.client()
    for name in sorted(set(model().operation_names) - set(SUPPORTED)):
        shape = model().operation_model(name).input_shape
        arguments = {member: {} if shape.members[member].type_name == "structure" else "x" for member in shape.metadata.get("required", [])}
        status, code, message = refusal(getattr(client, botocore.xform_name(name)), **arguments)
        assert (status, code, message) == (501, "NotImplementedException", f"{name} is not supported by the emulator")


def test_what_is_no_operation_is_not_found_and_nothing_is_html(api: Api) -> None:
    for method, path, status in (
        ("GET", "/", 404),
        ("PUT", "/2017-08-29/jobs", 404),
        ("GET", "/2017-08-29/search?colour=red", 400),
        ("GET", "/2017-08-29/jobs?maxResults=two", 400),
        ("GET", "/_emulator/x", 404),
    ):
        answer = requests.request(method, api.url + path, timeout=60)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
        assert answer.json()["message"]


def test_an_unsigned_request_is_for_us_east_1(api: Api) -> None:
    number = api.client("us-east-1").create_job(**job())["Job"]["Id"]
    answer = requests.get(f"{api.url}/2017-08-29/jobs/{number}", timeout=60)
    assert answer.json()["job"]["id"] == number
    assert answer.headers["x-amzn-RequestId"]


def test_a_body_that_is_no_json_or_no_object_is_refused(api: Api) -> None:
    for body in (b"{", b"[1]", b"\xff"):
        answer = requests.post(f"{api.url}/2017-08-29/jobs", data=body, timeout=60)
        assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (400, "BadRequestException")
    assert requests.post(f"{api.url}/2017-08-29/jobs", data=iter([b"{}"]), timeout=60).status_code == 413  # no length was told
    wait(lambda: requests.get(f"{api.url}/_emulator/health", timeout=60).json()["ok"])
