"""`explain_error` and `retry_jobs`: what an operator asks first, and does next."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from processing.errors import NoEngineLeft
from processing.models import Attempt, AttemptState, Job, JobState
from processing.services.jobs import retry_job
from resilience.errors import CATALOGUE
from resilience.models import OperatorAction, Task
from tests.factories import make_job
from tests.processing.codes import CASES, HERE, LOCAL
from tests.processing.failing import CHAIN, attempt_at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _chain(settings: Any) -> None:
    settings.ENGINES = CHAIN


def explained(*words: str, **options: Any) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("explain_error", *words, "--json", stdout=out, **options)
    found: list[dict[str, Any]] = json.loads(out.getvalue())["meanings"]
    return found


def test_a_code_alone_is_explained_in_each_of_its_meanings() -> None:
    found = explained("1075")
    assert [(each["error_class"], each["code"]) for each in found] == [
        ("input_truncated", "ENCODING_SOURCE_TRUNCATED"),
        ("input_corrupt", "ENCODING_SOURCE_DAMAGED"),
    ]
    assert found[0]["steps"] == ["needs_new_file (input_truncated: only another file helps)"]
    assert [step.split(" (")[0] for step in found[1]["steps"]] == [f"next_engine {LOCAL}", f"salvage {LOCAL}", "needs_new_file"]


def test_words_tell_the_meanings_apart_and_ambiguous_ones_are_looked_into() -> None:
    [found] = explained("mediaconvert 1010: Unable to open input file: Access Denied")
    assert (found["error_class"], found["looked_into"]) == ("iam", True)
    [found] = explained("1999 did not find a valid series of timestamps")
    assert found["code"] == "ENCODING_TIMES_BROKEN"
    assert found["user_reads"] == CATALOGUE.get("ENCODING_TIMES_BROKEN").what_happened


@pytest.mark.parametrize(
    ("words", "error_class"),
    [
        ("ENCODING_STALLED", "stalled"),
        ("TooManyRequestsException", "throttled"),
        ("An error occurred (ForbiddenException) when calling the CreateJob operation: no", "iam"),
        ("ffmpeg 183: [in#0/mov,mp4 @ 0x1] [fatal] corrupt input packet in stream 0", "input_truncated"),
        ("Error writing trailer: No space left on device", "capacity"),
    ],
)
def test_whatever_an_operator_has_at_hand_is_understood(words: str, error_class: str) -> None:
    assert explained(words)[0]["error_class"] == error_class


def test_every_code_can_be_explained_to_its_end() -> None:
    for code in sorted({case.code for case in CASES}):
        for each in explained(code):
            assert each["operator_first"], code
            assert each["steps"][-1].split(" ")[0] in ("needs_new_file", "dead", "blocked", "and"), (code, each["steps"])


def test_it_reads_as_plain_words() -> None:
    out = StringIO()
    call_command("explain_error", "1522", "--engine", HERE, stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[1] == "Class: transient (ENCODING_TOOK_TOO_LONG)"
    assert lines[3].startswith(f"  1. same_engine {HERE} after 30 s at most")
    assert lines[-2].startswith("Its owner reads: Converting took too long.")


def test_what_nobody_knows_ends_with_1() -> None:
    with pytest.raises(CommandError) as unknown:
        call_command("explain_error", "4711", stdout=StringIO())
    assert unknown.value.returncode == 1
    with pytest.raises(CommandError) as empty:
        call_command("explain_error", " ", stdout=StringIO())
    assert empty.value.returncode == 2


def dead(engine: str, error_class: str, code: str, **values: Any) -> Job:
    job = make_job(state=JobState.DEAD, error_code="ENCODING_GAVE_UP", engines=CHAIN, ladder=[{"name": "360p"}], **values)
    attempt_at(job, engine, state=AttemptState.FAILED, error_class=error_class, error_code=code)
    return job


def retried(*options: str) -> list[str]:
    out = StringIO()
    call_command("retry_jobs", *options, "--dry-run", "--json", stdout=out)
    found: list[str] = json.loads(out.getvalue())["retried"]
    return found


def test_jobs_are_chosen_by_class_code_engine_and_age() -> None:
    denied = dead(HERE, "iam", "ENCODING_ACCESS_REFUSED")
    slow = dead(LOCAL, "transient", "ENCODING_ENGINE_FAILED")
    Job.objects.filter(pk=slow.pk).update(updated_at="2020-01-01T00:00Z")
    assert retried("--class", "iam") == [denied.public_id]
    assert retried("--code", "ENCODING_ENGINE_FAILED") == [slow.public_id]
    assert retried("--engine", LOCAL) == [slow.public_id]
    assert retried("--age", "2h") == [denied.public_id]
    assert retried("--code", "ENCODING_GAVE_UP") == [denied.public_id, slow.public_id]
    assert retried("--class", "iam", "--engine", LOCAL) == []


def test_they_go_to_another_engine_first_and_the_rest_follows() -> None:
    job = dead(HERE, "iam", "ENCODING_ACCESS_REFUSED")
    call_command("retry_jobs", "--to-engine", LOCAL, stdout=StringIO())
    successor = Job.objects.get(video=job.video, state=JobState.QUEUED)
    assert successor.engines == [LOCAL, *[engine for engine in CHAIN if engine != LOCAL]]
    assert OperatorAction.objects.get().target == f"{job.public_id}: {LOCAL} first"


@pytest.mark.parametrize("options", [("--age", "soon"), ("--to-engine", "nobody"), ("--code", "NOT_A_CODE")], ids=lambda options: options[0])
def test_wrong_use_ends_with_2(options: tuple[str, str]) -> None:
    with pytest.raises(CommandError) as wrong:
        call_command("retry_jobs", *options, stdout=StringIO())
    assert wrong.value.returncode == 2


def test_a_job_that_waits_goes_to_the_chosen_engine_at_once() -> None:
    job = make_job(state=JobState.BLOCKED, engines=[HERE], ladder=[{"name": "360p"}])
    Attempt.objects.create(job=job, number=1, engine=HERE, state=AttemptState.FAILED, error_class="iam")
    with pytest.raises(NoEngineLeft):
        retry_job(job, by=None, reason="try", engine="nobody")
    retry_job(job, by=None, reason="try", engine=LOCAL)
    job.refresh_from_db()
    assert (job.state, job.engines) == (JobState.QUEUED, [HERE, LOCAL])
    assert Task.objects.get(kind="processing.submit", payload__job_id=job.public_id).payload["engine"] == LOCAL
