"""A job's way along its chain of engines, from rows alone: how often, how long, and the one reason at its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from processing.errors import GaveUp
from processing.models import Attempt, AttemptState, Job, JobState, Publication, RetryPolicy
from processing.services.chain import acceleration_off
from resilience.errors import CATALOGUE
from resilience.models import Task
from tests.processing.codes import HERE, LOCAL, THERE
from tests.processing.failing import fails_at, job_at
from tests.processing.test_codes import HIDDEN, NASTY

pytestmark = pytest.mark.django_db

# What each engine said, in order, and how it must end.
TRUNCATED = ("mediaconvert", "1076", "Is file truncated?")
CODEC = ("mediaconvert", "1030", "Video codec [svq1]")
OURS = ("mediaconvert", "1522", "timeout")
KILLED = ("ffmpeg", "killed", "")
NO_DECODER = ("ffmpeg", "234", "Decoding requested, but no decoder found for: none")
ENDS = ("ffmpeg", "183", "[in#0/mov,mp4] [fatal] corrupt input packet in stream 0")
BAD_NAL = ("ffmpeg", "183", "[h264] [error] Invalid NAL unit size (3220 > 910).")


def fresh() -> Job:
    job = job_at()
    job.attempts.all().delete()
    return job


def follow(job: Job, says: dict[str, tuple[str, str, str]], *, most: int = 30) -> list[str]:
    """Let every attempt fail as its engine always does, until nothing more is tried; return the engines in the order they were asked."""
    engine, salvage, asked = HERE, False, []
    for _ in range(most):
        asked.append(engine)
        attempt = fails_at(job, engine, *says[engine], salvage=salvage)
        if job.state != JobState.QUEUED:
            return asked
        task = Task.objects.filter(kind="processing.submit", payload__job_id=job.public_id).latest("created_at")
        assert task.key.endswith(f":{attempt.number}")
        engine, salvage = task.payload["engine"], task.payload["salvage"]
    raise AssertionError("it never ended")


def told(job: Job) -> tuple[str, str]:
    return job.state, job.error_code


def test_our_own_faults_take_the_job_along_the_whole_chain_three_tries_each() -> None:
    job = fresh()
    assert follow(job, {HERE: OURS, THERE: OURS, LOCAL: KILLED}) == [HERE] * 3 + [THERE] * 3 + [LOCAL] * 3
    assert (told(job), job.error_fields) == ((JobState.DEAD, GaveUp.entry.code), {"tries": 9})


def test_what_one_region_cannot_decode_goes_to_the_local_engine_at_once() -> None:
    job = fresh()
    assert follow(job, {HERE: CODEC, LOCAL: NO_DECODER}) == [HERE, LOCAL]
    assert told(job) == (JobState.NEEDS_NEW_FILE, "ENCODING_FORMAT_UNSUPPORTED")


def test_a_damaged_file_gets_its_lenient_pass_where_there_is_one_and_once() -> None:
    job = fresh()
    asked = follow(job, {HERE: ("mediaconvert", "1075", "elst box outside of track"), LOCAL: BAD_NAL})
    assert asked == [HERE, LOCAL, LOCAL]
    payloads = Task.objects.filter(kind="processing.submit").order_by("created_at").values_list("payload__salvage", flat=True)
    assert list(payloads) == [False, True]
    assert told(job) == (JobState.NEEDS_NEW_FILE, "ENCODING_SOURCE_CORRUPT")


def test_a_file_that_ends_early_is_tried_nowhere_else() -> None:
    job = fresh()
    assert follow(job, {HERE: TRUNCATED}) == [HERE]
    assert told(job) == (JobState.NEEDS_NEW_FILE, "ENCODING_SOURCE_TRUNCATED")


@pytest.mark.parametrize(
    ("said", "state", "code"),
    [
        # What is wrong with the file wins over what went wrong with us, whichever came last.
        ([(HERE, CODEC), (LOCAL, KILLED), (LOCAL, KILLED), (LOCAL, KILLED)], JobState.NEEDS_NEW_FILE, "ENCODING_FORMAT_UNSUPPORTED"),
        ([(HERE, OURS), (HERE, OURS), (HERE, OURS), (THERE, CODEC), (LOCAL, NO_DECODER)], JobState.NEEDS_NEW_FILE, "ENCODING_FORMAT_UNSUPPORTED"),
        # Of two things wrong with it the more telling one.
        ([(HERE, CODEC), (LOCAL, ENDS)], JobState.NEEDS_NEW_FILE, "ENCODING_SOURCE_TRUNCATED"),
        # An output that did not pass may be the engine's own fault.
        ([(HERE, ("verify", "360p", "3 of 9 frames")), (LOCAL, KILLED), (LOCAL, KILLED), (LOCAL, KILLED)], JobState.DEAD, "ENCODING_GAVE_UP"),
    ],
    ids=["file-over-us", "region-2", "more-telling", "output"],
)  # fmt: skip
def test_several_engines_failures_become_one_reason(said: list[Any], state: str, code: str) -> None:
    job = fresh()
    for engine, (source, failed, message) in said:
        fails_at(job, engine, source, failed, f"{message} {NASTY}")
    assert told(job) == (state, code)
    sentence = CATALOGUE.get(job.error_code).sentence(job.error_fields)
    assert not any(word in sentence for word in HIDDEN)
    assert sentence.count("unknown") == 0


def test_acceleration_is_switched_off_silently_and_only_once() -> None:
    job = fresh()
    assert not acceleration_off(job)
    fails_at(job, HERE, "mediaconvert", "1550", "Acceleration fault")
    assert acceleration_off(job)
    assert (job.error_code, job.retries_told) == ("", False), "nobody is told"
    assert follow(job, {HERE: ("mediaconvert", "1550", ""), THERE: OURS, LOCAL: KILLED})[:4] == [HERE, HERE, HERE, THERE]


def age(job: Job, seconds: float) -> None:
    """Let all that happened to a job have happened earlier."""
    Attempt.objects.filter(job=job).update(ended_at=F("ended_at") - timedelta(seconds=seconds))


def test_throttling_costs_no_try_and_after_ten_minutes_the_next_engine_has_its_turn() -> None:
    job, said = fresh(), ("botocore", "TooManyRequestsException", "Too Many Requests")
    for _ in range(9):
        attempt = fails_at(job, HERE, *said)
        assert attempt.decision.startswith("same_engine: throttled")
        age(job, 70)
    assert fails_at(job, HERE, *said).decision.startswith("next_engine: throttled")
    assert Task.objects.filter(kind="processing.submit").latest("created_at").payload["engine"] == THERE
    assert job.retry_at is None
    for _ in range(3):
        fails_at(job, THERE, *OURS)
    for _ in range(3):
        fails_at(job, LOCAL, *KILLED)
    assert (job.error_code, job.error_fields) == ("ENCODING_GAVE_UP", {"tries": 6}), "what was throttled is no try"


def test_after_six_hours_nothing_is_waited_for_any_more() -> None:
    job = fresh()
    fails_at(job, LOCAL, "os", "ENOSPC", "full")
    age(job, 6 * 3600)
    assert fails_at(job, LOCAL, "os", "ENOSPC", "full").decision.startswith("dead")
    assert (job.error_code, job.error_fields) == ("ENCODING_GAVE_UP", {"tries": 1})


def test_a_wait_that_was_over_counts_no_more() -> None:
    job = fresh()
    fails_at(job, HERE, "mediaconvert", "1050", "Disk full")
    fails_at(job, HERE, *OURS)
    age(job, 7 * 3600)
    assert fails_at(job, HERE, "mediaconvert", "1050", "Disk full").decision.startswith("same_engine")


def test_a_fault_of_our_rights_waits_a_minute_then_people_go_first_or_operators_do() -> None:
    job = fresh()
    denied = ("mediaconvert", "1432", "role")
    assert follow(job, {HERE: denied, LOCAL: KILLED})[:3] == [HERE, HERE, LOCAL]
    RetryPolicy.objects.update_or_create(error_class="iam", error_code="", defaults={"tries": 1, "base_s": 60, "cap_s": 60, "users_first": False})
    other = fresh()
    assert follow(other, {HERE: denied}) == [HERE, HERE]
    assert told(other) == (JobState.BLOCKED, "ENCODING_ACCESS_REFUSED")
    again = Task.objects.filter(kind="processing.submit", payload__job_id=other.public_id).latest("created_at")
    assert (again.payload["engine"], again.run_at is not None) == (HERE, True)


def test_a_job_that_its_engine_keeps_losing_ends_too() -> None:
    job = fresh()
    lost = ("engine", "LOST", "not known")
    assert follow(job, {HERE: lost, THERE: lost, LOCAL: KILLED}) == [HERE] * 3 + [THERE] * 3 + [LOCAL] * 3
    assert job.attempts.filter(state=AttemptState.LOST).count() == 6


def test_what_can_be_watched_stays_whatever_ends() -> None:
    job = fresh()
    Publication.objects.create(video=job.video, job=job, playlist="x/main.m3u8")
    follow(job, {HERE: TRUNCATED})
    assert told(job) == (JobState.READY_PARTIAL, "ENCODING_LOWER_QUALITY")
    assert Publication.objects.get(job=job).complete
