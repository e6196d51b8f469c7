"""Every error code there is, injected at the emulator: by boto3 there, by events back, to what the job's owner reads and an operator sees."""

from __future__ import annotations

from typing import Any

import pytest

from processing.classify import runbook_of
from processing.events.take import take
from processing.models import Attempt, AttemptState, EngineEvent, Job, JobState
from processing.services.look import look
from processing.services.submission import carry_on
from resilience.errors import CATALOGUE
from resilience.models import Task
from tests import media
from tests.emulator import FakeMediaConvert
from tests.processing.codes import CASES, LOOK, NEW_FILE, Case
from tests.processing.failing import CHAIN

from .rows import REGION, opened, put, source_in_s3

pytestmark = pytest.mark.django_db

SOME = 12  # waited for at a time

NASTY = " [s3://holdfast-uploads/uploads/hidden/file] arn:aws:iam::123456789012:role/hidden"


def fault_of(case: Case, attempt: Attempt) -> dict[str, Any]:
    message = {"message": case.message + NASTY} if case.message else {}
    return {"fault": "job_error", "phase": "PROBING", "code": int(case.code), "metadata": {"attempt_id": attempt.public_id}, **message}


def hear(fake: FakeMediaConvert, attempts: list[Attempt]) -> None:
    """Take in what the emulator tells until every attempt has ended."""
    still_going = Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts]).exclude(state=AttemptState.FAILED)

    def all_ended() -> bool:
        for number, body in enumerate(fake.events(REGION)):
            take(body, message_id=f"m{number}")
        return not still_going.exists()

    fake.wait(all_ended, what="an attempt did not end")


def told(job: Job) -> str:
    entry = CATALOGUE.get(job.error_code)
    return f"{entry.title} {entry.sentence(job.error_fields)} {job.error_fields} {job.video.error_fields}" if job.error_code else ""


def check(case: Case, job: Job) -> str:
    """Return in what a job is not as its case says; empty when it is."""
    job = Job.objects.select_related("video").get(pk=job.pk)
    attempt = job.attempts.get()
    task = Task.objects.filter(kind="processing.submit", payload__job_id=job.public_id).exclude(key=job.public_id).first()
    heard = EngineEvent.objects.filter(attempt_id=attempt.public_id).latest("pk")
    looking = case.decision == LOOK
    found = {
        "class": (attempt.error_class, attempt.error_code),
        "decision": (attempt.decision.partition(":")[0] or LOOK, task.payload["engine"] if task else ""),
        "state": job.state,
        "owner": job.error_code,
        "hidden": [word for word in ("s3:", "arn:", "hidden") if word in told(job)],
        "operator": (
            attempt.error_raw.startswith(f"mediaconvert {case.code}: {case.message}"),
            bool(runbook_of(attempt.error_code, attempt.error_raw)),
            heard.news,
        ),
    }
    silent = looking or case.error_class == "acceleration"
    wanted = {
        "class": (case.error_class, case.entry),
        "decision": (case.decision, case.engine),
        "state": JobState.RUNNING if looking else JobState.NEEDS_NEW_FILE if case.decision == NEW_FILE else JobState.QUEUED,
        "owner": "" if silent else case.entry,
        "hidden": [],
        "operator": (True, True, "ERROR"),
    }
    differs = {name: (found[name], wanted[name]) for name in wanted if found[name] != wanted[name]}
    return f"{case.name} {case.message!r}: {differs}" if differs else ""


def test_every_code_comes_to_its_class_its_decision_and_its_words(mediaconvert: FakeMediaConvert, settings: Any) -> None:
    settings.ENGINES, settings.MEDIACONVERT_REGIONS = CHAIN, ["eu-west-1", "eu-central-1"]
    cases = {case.code: case for case in reversed(CASES)}  # what else a code may mean is tried without an emulator
    jobs = [(case, *opened()) for case in cases.values()]
    unheard = [{"fault": "event_lost", "status": status} for status in ("PROGRESSING", "INPUT_INFORMATION", "STATUS_UPDATE")]
    mediaconvert.faults(*(fault_of(case, attempt) for case, _job, attempt in jobs), *unheard)
    for _case, job, _attempt in jobs:
        carry_on(job.public_id)
    for begin in range(0, len(jobs), SOME):
        hear(mediaconvert, [attempt for _case, _job, attempt in jobs[begin : begin + SOME]])
    assert "\n".join(wrong for case, job, _attempt in jobs if (wrong := check(case, job))) == ""
    assert Task.objects.filter(kind="processing.look").count() == sum(case.decision == LOOK for case in cases.values()) == 5
    assert len(cases) == 48


def test_ambiguous_words_about_a_file_that_is_fine_send_it_to_the_local_engine(mediaconvert: FakeMediaConvert, settings: Any) -> None:
    settings.ENGINES, settings.MEDIACONVERT_REGIONS = CHAIN, ["eu-west-1", "eu-central-1"]
    clip = media.clip(seconds=1)
    session = source_in_s3(clip)
    put(mediaconvert, session, clip)
    job, attempt = opened(session)
    mediaconvert.faults(fault_of(CASES[0], attempt))
    carry_on(job.public_id)
    hear(mediaconvert, [attempt])
    look(attempt.public_id)
    attempt.refresh_from_db()
    assert (attempt.error_class, attempt.decision.partition(":")[0]) == ("input_codec", "next_engine")
    assert Task.objects.filter(kind="processing.submit", payload__engine="local").exists()
