"""CreateJob, GetJob, CancelJob and what a job goes through, by boto3."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from processing.emulator.state import Canceled, Job, Phase, Services

from .api import DETAILS, INPUT, Api, hold, job, refusal, wait


def test_a_job_is_created_runs_and_is_told_of(api: Api) -> None:
    created = api.client().create_job(**job(Priority=5, StatusUpdateInterval="SECONDS_10", ClientRequestToken="t1"))
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert created["Job"]["Status"] == "SUBMITTED"
    assert created["Job"]["Arn"] == f"arn:aws:mediaconvert:eu-west-1:123456789012:jobs/{created['Job']['Id']}"
    done = api.ended(created["Job"]["Id"])
    assert done["Status"] == "COMPLETE"
    assert done["OutputGroupDetails"] == DETAILS
    assert done["Settings"] == job()["Settings"]
    assert done["UserMetadata"] == {"attempt_id": "att_1"}
    assert (done["Priority"], done["StatusUpdateInterval"], done["ClientRequestToken"]) == (5, "SECONDS_10", "t1")
    assert done["Timing"]["SubmitTime"] <= done["Timing"]["StartTime"] <= done["Timing"]["FinishTime"]
    assert done["Queue"].endswith(":queues/Default")
    assert [entry["kind"] for entry in api.emulator.journal.since() if entry["kind"].startswith("job_")] == ["job_created", "job_started", "job_ended"]


@pytest.mark.parametrize(("mode", "was"), [("DISABLED", "NOT_APPLICABLE"), ("PREFERRED", "NOT_ACCELERATED")])
def test_acceleration_is_asked_for_and_told_of(api: Api, mode: str, was: str) -> None:
    created = api.client().create_job(**job(AccelerationSettings={"Mode": mode}))["Job"]
    assert created["AccelerationStatus"] == ("NOT_APPLICABLE" if mode == "DISABLED" else "IN_PROGRESS")
    done = api.ended(created["Id"])
    assert (done["AccelerationSettings"], done["AccelerationStatus"]) == ({"Mode": mode}, was)


def test_warnings_of_a_job_are_counted(api: Api) -> None:
    def warned(job: Job, services: Services) -> None:
        for _ in range(3):
            services.warn(job, 270000)
        services.complete(job, [])

    api.desk.script = warned
    assert api.ended(api.client().create_job(**job())["Job"]["Id"])["Warnings"] == [{"Code": 270000, "Count": 3}]


def test_an_error_of_a_job_is_told_with_code_and_message(api: Api) -> None:
    api.desk.script = lambda job, services: services.fail(job, 1010, "Unable to open input file")
    done = api.ended(api.client().create_job(**job())["Job"]["Id"])
    assert (done["Status"], done["ErrorCode"], done["ErrorMessage"]) == ("ERROR", 1010, "Unable to open input file")
    assert "OutputGroupDetails" not in done


def test_a_worker_that_dies_ends_its_job_with_the_general_failure(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    def die(job: Any, services: Any) -> None:
        raise RuntimeError("boom")

    api.desk.script = die
    assert api.ended(api.client().create_job(**job())["Job"]["Id"])["ErrorCode"] == 1999
    assert "boom" in capsys.readouterr().err


def test_a_running_job_is_canceled_and_its_worker_stopped(api: Api) -> None:
    api.desk.script = hold
    number = api.client().create_job(**job())["Job"]["Id"]
    running = api.emulator.jobs.get("eu-west-1", number)
    assert running is not None
    wait(lambda: running.started)
    assert api.client().cancel_job(Id=number)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert running.stop.is_set()
    assert api.client().get_job(Id=number)["Job"]["Status"] == "CANCELED"
    assert "CANCELED" in api.desk.wait_sent(1)[-1]
    assert api.emulator.complete(running, DETAILS) is False  # too late


def test_a_waiting_job_is_canceled_without_an_event(api: Api) -> None:
    api.client().update_queue(Name="Default", Status="PAUSED")
    number = api.client().create_job(**job())["Job"]["Id"]
    api.client().cancel_job(Id=number)
    assert api.client().get_job(Id=number)["Job"]["Status"] == "CANCELED"
    assert api.journal("event") == []
    api.client().update_queue(Name="Default", Status="ACTIVE")
    last = api.client().create_job(**job())["Job"]["Id"]
    assert api.ended(last)["Status"] == "COMPLETE"
    assert [entry["job"] for entry in api.journal("job_started")] == [last]  # the canceled one was never begun


@pytest.mark.parametrize("how", ["canceled", "forgotten"])
def test_a_worker_that_comes_too_late_changes_nothing(api: Api, how: str) -> None:
    api.desk.script = hold
    number = api.client().create_job(**job())["Job"]["Id"]
    running = api.emulator.jobs.get("eu-west-1", number)
    assert running is not None
    wait(lambda: running.started)
    if how == "canceled":
        api.client().cancel_job(Id=number)
    else:
        assert api.emulator.reset()
    before = (running.status, running.percent, len(running.history))
    with pytest.raises(Canceled):
        api.emulator.progress(running, Phase.UPLOADING, 95)
    assert not api.emulator.complete(running, DETAILS)
    assert not api.emulator.fail(running, 1999, "")
    assert (running.status, running.percent, len(running.history)) == before


@pytest.mark.parametrize("how", ["complete", "error", "canceled"])
def test_a_job_that_has_ended_cannot_be_canceled(api: Api, how: str) -> None:
    if how == "error":
        api.desk.script = lambda job, services: services.fail(job, 1999, "")
    if how == "canceled":
        api.emulator.queues.update("eu-west-1", {"Name": "Default", "Status": "PAUSED"})
    number = api.client().create_job(**job())["Job"]["Id"]
    if how == "canceled":
        api.client().cancel_job(Id=number)
    api.ended(number)
    status, name, message = refusal(api.client().cancel_job, Id=number)
    assert (status, name) == (409, "ConflictException")
    assert number in message


def test_jobs_are_of_one_region(api: Api) -> None:
    number = api.client().create_job(**job())["Job"]["Id"]
    assert refusal(api.client("eu-central-1").get_job, Id=number)[:2] == (404, "NotFoundException")
    assert refusal(api.client("eu-central-1").cancel_job, Id=number)[:2] == (404, "NotFoundException")
    assert api.client("eu-central-1").list_jobs()["Jobs"] == []


def test_one_token_makes_one_job_for_a_minute(api: Api) -> None:
    client = api.client()
    first = client.create_job(**job(ClientRequestToken="t1"))["Job"]["Id"]
    api.emulator.clock.advance(59)
    again = client.create_job(**job(ClientRequestToken="t1", UserMetadata={"other": "words"}))
    assert (again["Job"]["Id"], again["Job"]["UserMetadata"]) == (first, {"attempt_id": "att_1"})
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 201
    api.emulator.clock.advance(1.5)
    assert client.create_job(**job(ClientRequestToken="t1"))["Job"]["Id"] != first
    assert len(api.journal("job_created")) == 2
    assert [entry["job"] for entry in api.journal("token_reused")] == [first]


def test_a_token_is_of_one_region(api: Api) -> None:
    numbers = {api.client(region).create_job(**job(ClientRequestToken="t1"))["Job"]["Id"] for region in ("eu-west-1", "eu-central-1")}
    assert len(numbers) == 2


def test_one_token_at_the_same_time_makes_one_job(api: Api) -> None:
    client = api.client()
    with ThreadPoolExecutor(8) as pool:
        numbers = set(pool.map(lambda _: client.create_job(**job(ClientRequestToken="t1"))["Job"]["Id"], range(24)))
    assert len(numbers) == 1
    assert len(api.journal("job_created")) == 1


def test_a_refused_request_takes_no_token(api: Api) -> None:
    wrong = job(ClientRequestToken="t1", Role="nobody")
    assert refusal(api.client().create_job, **wrong)[0] == 400
    assert api.client().create_job(**job(ClientRequestToken="t1"))["Job"]["Status"] == "SUBMITTED"


def test_the_highest_priority_runs_first_then_the_oldest(api: Api) -> None:
    client, order = api.client(), []
    api.desk.script = lambda job, services: (order.append(job.metadata["name"]), services.complete(job, []))[1]
    client.create_queue(Name="narrow", ConcurrentJobs=1)
    client.update_queue(Name="narrow", Status="PAUSED")
    for name, priority in (("a", 0), ("b", 10), ("c", -5), ("d", 10)):
        client.create_job(**job(Queue="narrow", Priority=priority, UserMetadata={"name": name}))
    client.update_queue(Name="narrow", Status="ACTIVE")
    wait(lambda: len(order) == 4)
    assert order == ["b", "d", "a", "c"]


def test_search_finds_a_part_of_an_input(api: Api) -> None:
    client = api.client()
    number = client.create_job(**job())["Job"]["Id"]
    assert [found["Id"] for found in client.search_jobs(InputFile="upl_1/source")["Jobs"]] == [number]
    assert [found["Id"] for found in client.search_jobs(InputFile=INPUT)["Jobs"]] == [number]
    assert client.search_jobs(InputFile="upl_2")["Jobs"] == []
    assert refusal(client.search_jobs, InputFile="x" * 301)[:2] == (400, "BadRequestException")


def test_lists_are_filtered_ordered_and_paged(api: Api) -> None:
    client = api.client()
    client.update_queue(Name="Default", Status="PAUSED")
    numbers = [client.create_job(**job())["Job"]["Id"] for _ in range(23)]
    client.cancel_job(Id=numbers[3])
    pages = [[found["Id"] for found in page["Jobs"]] for page in client.get_paginator("list_jobs").paginate(Order="ASCENDING")]
    assert [len(page) for page in pages] == [20, 3]
    assert [number for page in pages for number in page] == numbers
    newest = client.list_jobs(MaxResults=2)
    assert [found["Id"] for found in newest["Jobs"]] == [numbers[22], numbers[21]]
    client.create_job(**job())  # a page goes on where the last one ended, whatever came since
    assert client.list_jobs(MaxResults=2, NextToken=newest["NextToken"])["Jobs"][0]["Id"] == numbers[20]
    assert [found["Id"] for found in client.list_jobs(Status="CANCELED")["Jobs"]] == [numbers[3]]
    assert len(client.search_jobs(InputFile="upl_1", Status="SUBMITTED", Queue="Default", MaxResults=20)["Jobs"]) == 20
    assert refusal(client.list_jobs, NextToken="nonsense")[:2] == (400, "BadRequestException")
    assert refusal(client.list_jobs, MaxResults=21)[2] == "/maxResults: Should be less than or equal to 20"


def test_a_jobs_query_is_started_and_asked_for_its_results(api: Api) -> None:
    client = api.client()
    api.desk.script = lambda job, services: services.fail(job, int(job.metadata["code"]), "")
    numbers = {code: client.create_job(**job(UserMetadata={"code": code}))["Job"]["Id"] for code in ("1010", "1030")}
    for number in numbers.values():
        api.ended(number)
    query = client.start_jobs_query(FilterList=[{"Key": "errorCode", "Values": ["1030"]}, {"Key": "videoCodec", "Values": ["H_264", "AV1"]}])
    assert query["ResponseMetadata"]["HTTPStatusCode"] == 201
    found = client.get_jobs_query_results(Id=query["Id"])
    assert (found["Status"], [one["Id"] for one in found["Jobs"]]) == ("COMPLETE", [numbers["1030"]])
    assert refusal(client.get_jobs_query_results, Id="unknown")[:2] == (404, "NotFoundException")
