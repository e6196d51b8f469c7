"""With a state directory jobs, queues, tags and the journal outlive the emulator, however it ended."""

from __future__ import annotations

import json
from pathlib import Path

from .api import DETAILS, Api, Desk, hold, job, serving, wait


def make(api: Api) -> dict[str, str]:
    """Leave a job that has ended, one that failed, one that runs and one that waits; return their ids."""
    client, desk = api.client(), api.desk
    numbers = {"complete": client.create_job(**job(Tags={"env": "test"}))["Job"]["Id"]}
    api.ended(numbers["complete"])
    desk.script = lambda job, services: services.fail(job, 1010, "no")
    numbers["error"] = client.create_job(**job())["Job"]["Id"]
    api.ended(numbers["error"])
    desk.script = hold
    numbers["runs"] = client.create_job(**job(ClientRequestToken="t1"))["Job"]["Id"]
    wait(lambda: client.get_job(Id=numbers["runs"])["Job"]["Status"] == "PROGRESSING")
    client.create_queue(Name="slow", Status="PAUSED", Description="later", Tags={"env": "test"})
    client.create_queue(Name="gone")
    client.delete_queue(Name="gone")
    numbers["waits"] = client.create_job(**job(Queue="slow"))["Job"]["Id"]
    return numbers


def test_what_was_there_is_there_again_and_goes_on(tmp_path: Path) -> None:
    with serving(Desk(), state_dir=tmp_path) as api:
        numbers = make(api)
    with (tmp_path / "state.jsonl").open("a") as file:
        file.write('{"kind": "job", "key"')  # killed while it wrote
    with serving(Desk(), state_dir=tmp_path) as api:
        client = api.client()
        assert client.get_job(Id=numbers["complete"])["Job"]["OutputGroupDetails"] == DETAILS
        assert client.get_job(Id=numbers["error"])["Job"]["ErrorCode"] == 1010
        again = api.ended(numbers["runs"])
        assert (again["Status"], again["RetryCount"]) == ("COMPLETE", 1)
        assert client.create_job(**job(ClientRequestToken="t1"))["Job"]["Id"] == numbers["runs"]  # the minute goes on
        assert client.get_job(Id=numbers["waits"])["Job"]["Status"] == "SUBMITTED"
        assert [queue["Name"] for queue in client.list_queues(ListBy="NAME")["Queues"]] == ["Default", "slow"]
        queue = client.get_queue(Name="slow")["Queue"]
        assert (queue["Status"], queue["Description"]) == ("PAUSED", "later")
        for arn in (queue["Arn"], client.get_job(Id=numbers["complete"])["Job"]["Arn"]):
            assert client.list_tags_for_resource(Arn=arn)["ResourceTags"]["Tags"] == {"env": "test"}
        newer = client.create_job(**job())["Job"]["Id"]
        assert client.list_jobs()["Jobs"][0]["Id"] == newer
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert kinds.count("job_created") == 5


def test_a_reset_forgets_what_is_on_disk(tmp_path: Path) -> None:
    with serving(Desk(), state_dir=tmp_path) as api:
        api.client().create_job(**job())
        assert api.emulator.reset()
        kept = api.client().create_job(**job())["Job"]["Id"]
    with serving(Desk(), state_dir=tmp_path) as api:
        assert [found["Id"] for found in api.client().list_jobs()["Jobs"]] == [kept]
