"""Which engine a job goes to: regions that have the file and answer, then the local one; back to the first as soon as it answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.db.models.functions import Now

from processing import tasks
from processing.models import Attempt, AttemptState, Job, JobState
from processing.services import replicas, route
from resilience.circuits import CircuitOpen
from resilience.models import Circuit, CircuitEvent, Task
from tests.factories import make_job
from tests.processing.codes import HERE, LOCAL, THERE
from tests.processing.failing import CHAIN, fails_at
from tests.processing.helpers import Context
from uploads.models import RemoteFile

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def resting(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Engines whose circuit rests, with the seconds it still does."""
    found: dict[str, float] = {}
    monkeypatch.setattr(route, "rests", lambda name: found.get(name.removeprefix("engine."), 0.0))
    return found


def opened(engine: str, *, minutes: float) -> None:
    circuit = Circuit.objects.create(name=f"engine.{engine}", state="open")
    for version, (before, ago) in enumerate([("closed", minutes), ("half_open", minutes / 2)]):
        CircuitEvent.objects.create(circuit=circuit, version=version, from_state=before, to_state="open", at=Now() - timedelta(minutes=ago))


def fresh(chain: list[str] | None = None) -> Job:
    return make_job(engines=chain or CHAIN, state=JobState.QUEUED, ladder=[{"name": "360p"}])


def choose(job: Job, wanted: str = "") -> str | None:
    return route.choose(job.public_id, wanted=wanted)


def passed_over(job: Job) -> list[tuple[str, str]]:
    return list(job.attempts.filter(state=AttemptState.SUPERSEDED).order_by("number").values_list("engine", "decision"))


def test_the_first_engine_that_answers(resting: dict[str, float]) -> None:
    job = fresh()
    assert choose(job) == HERE
    assert choose(job, LOCAL) == LOCAL
    assert not job.attempts.exists()


def test_an_engine_that_rests_is_waited_for_and_costs_no_attempt(resting: dict[str, float]) -> None:
    resting[HERE] = 7.0
    opened(HERE, minutes=9)
    job = fresh()
    with pytest.raises(CircuitOpen) as waits:
        choose(job)
    assert waits.value.retry_after == 7.0
    assert not job.attempts.exists()


def test_after_ten_minutes_the_next_ones_turn_has_come_and_new_jobs_go_back_once_it_answers(resting: dict[str, float]) -> None:
    resting[HERE] = 200.0
    opened(HERE, minutes=12)
    job = fresh()
    assert choose(job) == THERE
    assert passed_over(job) == [(HERE, f"next_engine: passed over for {THERE}: it has been resting for 12 min")]
    assert choose(job) == THERE
    assert len(passed_over(job)) == 1, "a task that ran again writes it once"
    resting.clear()
    assert choose(fresh()) == HERE


def test_with_every_engine_at_rest_the_one_that_is_back_first_is_waited_for(resting: dict[str, float]) -> None:
    for engine, seconds in ((HERE, 60.0), (THERE, 30.0), (LOCAL, 50.0)):
        resting[engine] = seconds
        opened(engine, minutes=30)
    with pytest.raises(CircuitOpen) as waits:
        choose(fresh())
    assert waits.value.retry_after == 30.0


def test_a_lenient_pass_goes_to_its_engine_or_waits(resting: dict[str, float]) -> None:
    resting[LOCAL] = 5.0
    opened(LOCAL, minutes=30)
    with pytest.raises(CircuitOpen):
        route.choose(fresh([LOCAL, HERE]).public_id, wanted=LOCAL, salvage=True)


def test_a_job_that_is_over_or_being_made_is_nobodys_question(resting: dict[str, float]) -> None:
    job = fresh()
    Attempt.objects.create(job=job, number=1, engine=HERE, state=AttemptState.SUBMITTED)
    assert choose(job) is None
    assert route.choose("job_unknown", wanted="") is None


@pytest.fixture
def replica(settings: Any, monkeypatch: pytest.MonkeyPatch, resting: dict[str, float]) -> dict[str, Any]:
    """The second region reads a bucket of its own. `says`: bytes it has of any object, or what asking raises."""
    settings.MEDIACONVERT_SOURCE_BUCKETS = {"eu-central-1": "copies"}
    settings.S3_BUCKET = "originals"
    answer: dict[str, Any] = {"says": 1000, "asked": []}

    def size(region: str, bucket: str, key: str) -> int:
        answer["asked"].append((region, bucket, key))
        if isinstance(answer["says"], Exception):
            raise answer["says"]
        return int(answer["says"])

    monkeypatch.setattr(replicas, "_size", size)
    return answer


def at_second(job: Job) -> Job:
    """Its file is put together, and its first region had its tries."""
    RemoteFile.objects.create(session=job.source, part_size=2**20, object_key="uploads/x/file")
    for _ in range(3):
        fails_at(job, HERE, "mediaconvert", "1522")
    return job


NO_SUCH_KEY: Any = {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}


def test_a_region_is_used_once_its_bucket_has_the_whole_file(replica: dict[str, Any]) -> None:
    job = at_second(fresh())
    assert choose(job, THERE) == THERE
    assert replica["asked"] == [("eu-central-1", "copies", "uploads/x/file")]
    assert choose(fresh()) == HERE
    assert len(replica["asked"]) == 1, "the region of the uploads' own bucket needs no copy"


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (ClientError(NO_SUCH_KEY, "HeadObject"), "the bucket of eu-central-1 has no copy of the file"),
        (EndpointConnectionError(endpoint_url="https://x"), "the bucket of eu-central-1 did not answer (EndpointConnectionError)"),
        (400, "the copy in eu-central-1 has 400 of 1000 bytes"),
    ],
    ids=["none", "away", "part"],
)
def test_a_region_without_the_file_is_passed_over_with_the_reason(replica: dict[str, Any], says: Any, why: str) -> None:
    replica["says"] = says
    job = at_second(fresh())
    tasks.submit_job(Context(), job_id=job.public_id, engine=THERE)
    assert passed_over(job) == [(THERE, f"next_engine: passed over for local: {why}")]
    assert job.attempts.latest("number").engine == LOCAL
    assert Task.objects.filter(kind="processing.transcode").count() == 1


def test_with_no_engine_left_it_ends_as_its_last_failure_would_have(replica: dict[str, Any]) -> None:
    replica["says"] = ClientError(NO_SUCH_KEY, "HeadObject")
    job = at_second(fresh([HERE, THERE]))
    tasks.submit_job(Context(), job_id=job.public_id, engine=THERE)
    job.refresh_from_db()
    assert (job.state, job.error_code, job.error_fields) == (JobState.DEAD, "ENCODING_GAVE_UP", {"tries": 3})


def test_a_new_job_that_no_engine_would_find_waits_for_the_operator_and_goes_on_by_itself(replica: dict[str, Any]) -> None:
    replica["says"] = ClientError(NO_SUCH_KEY, "HeadObject")
    job = fresh([THERE])
    RemoteFile.objects.create(session=job.source, part_size=2**20, object_key="uploads/x/file")
    tasks.submit_job(Context(), job_id=job.public_id)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.BLOCKED, "ENCODING_REPLICA_MISSING")
    again = Task.objects.get(kind="processing.submit", payload__job_id=job.public_id)
    replica["says"] = 1000
    assert choose(job, again.payload["engine"]) == THERE


def test_a_region_that_takes_jobs_and_fails_them_rests_until_one_of_its_jobs_ends_well() -> None:
    for _ in range(5):
        fails_at(fresh(), HERE, "mediaconvert", "1522", "internal timeout")
    with pytest.raises(CircuitOpen) as waits:
        choose(fresh())
    assert waits.value.fields["circuit"] == f"jobs.{HERE}"
    assert choose(fresh([THERE, LOCAL])) == THERE, "of the other region it says nothing"


@pytest.mark.parametrize(("source", "code", "message", "job"), [
    ("mediaconvert", "1030", "Video codec [svq1] is not a supported input video codec", "ext"),
    ("mediaconvert", "1042", "", "ext"),
    ("botocore", "TooManyRequestsException", "", ""),
], ids=["of the file", "of our wish", "never a job"])  # fmt: skip
def test_failures_that_are_not_the_engines_let_it_work_on(source: str, code: str, message: str, job: str) -> None:
    for _ in range(8):
        fails_at(fresh(), HERE, source, code, message, external_id=job)
    assert choose(fresh()) == HERE
