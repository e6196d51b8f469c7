"""Ambiguous words of an engine: our own look at the file says whose fault it is, before anybody is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from processing.engines.base import Failure
from processing.models import Attempt, AttemptState, Job, JobState, Publication
from processing.services import look as look_service
from processing.services.look import look, looking_is_dead
from processing.services.reap import unattended
from resilience.errors import CATALOGUE
from resilience.models import Task
from tests import media
from tests.processing.codes import HERE, LOCAL, UNREADABLE
from tests.processing.failing import CHAIN, attempt_at, fail, job_at
from tests.processing.helpers import accepted, probe_of
from uploads.inspection.probe import ProbeKilled
from uploads.models import VideoState
from uploads.selectors import source_path

pytestmark = pytest.mark.django_db(transaction=True)

DENIED = "Access Denied on arn:aws:s3:::b"


def failed(path: Path, code: str, message: str = "", *, probe: dict[str, Any] | None = None) -> tuple[Job, Attempt]:
    """A job over a real file whose first attempt, in a region, ended with these words."""
    session = accepted(path, probe=probe)
    video = session.its_video
    video.state = VideoState.CONVERTING
    video.save()
    job = Job.objects.create(video=video, source=session, engines=CHAIN, ladder=[{"name": "180p"}], state=JobState.RUNNING)
    attempt_at(job, HERE)
    return job, fail(job, Failure("mediaconvert", code, message))


def looked(job: Job, attempt: Attempt) -> Attempt:
    look(attempt.public_id)
    attempt.refresh_from_db()
    job.refresh_from_db()
    return attempt


@pytest.mark.parametrize(
    ("code", "message", "entry", "error_class", "decided", "engine"),
    [
        ("1010", UNREADABLE, "ENCODING_FORMAT_UNSUPPORTED", "input_codec", "next_engine", LOCAL),
        ("1010", "Unable to open input file", "ENCODING_STORAGE_FAILED", "transient", "same_engine", HERE),
        ("1056", "MGILoaderMOV", "ENCODING_STORAGE_FAILED", "transient", "same_engine", HERE),
        ("1401", DENIED, "ENCODING_ACCESS_REFUSED", "iam", "same_engine", HERE),
        ("1404", "HeadObject failed", "ENCODING_STORAGE_FAILED", "transient", "same_engine", HERE),
        ("3450", "503", "ENCODING_STORAGE_FAILED", "transient", "same_engine", HERE),
    ],
)
def test_of_a_file_that_is_fine_it_is_our_fault(
    code: str, message: str, entry: str, error_class: str, decided: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_service, "look_again", lambda session: None)
    job = job_at()
    attempt = fail(job, Failure("mediaconvert", code, message))
    assert (attempt.decision, attempt.phase, job.state) == ("", "looking at the file", JobState.RUNNING)
    looked(job, attempt)
    assert (attempt.error_code, attempt.error_class, job.state) == (entry, error_class, JobState.QUEUED)
    assert attempt.decision.startswith(f"{decided}: {error_class}")
    assert attempt.decision.endswith("the file is whole and opens")
    assert Task.objects.get(kind="processing.submit").payload["engine"] == engine


def test_the_file_is_opened_before_it_is_called_fine() -> None:
    job, attempt = failed(media.clip(seconds=1), "1010", UNREADABLE)
    looked(job, attempt)
    assert (attempt.error_code, job.error_code) == ("ENCODING_FORMAT_UNSUPPORTED", "ENCODING_FORMAT_UNSUPPORTED")


def test_of_a_file_that_ends_early_it_is_the_files(tmp_path: Path) -> None:
    whole = media.clip(seconds=1, faststart=True)
    job, attempt = failed(media.cut(whole, tmp_path / "cut.mp4", share=0.6), "1401", DENIED, probe=probe_of(whole))
    looked(job, attempt)
    assert (job.state, job.error_code, attempt.error_class) == (JobState.NEEDS_NEW_FILE, "ENCODING_SOURCE_TRUNCATED", "input_truncated")
    assert "arn:" not in CATALOGUE.get(job.error_code).sentence(job.error_fields)
    assert not Publication.objects.exists()


def test_what_is_no_media_at_all_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    job, attempt = failed(tmp_path / "noise.mp4", "1010", UNREADABLE, probe={"container": "mp4"})
    looked(job, attempt)
    assert (job.state, job.error_code) == (JobState.NEEDS_NEW_FILE, "ENCODING_SOURCE_UNREADABLE")


def test_a_file_we_have_lost_is_nobody_elses_fault() -> None:
    job, attempt = failed(media.clip(seconds=1), "1404", "HeadObject failed")
    os.truncate(source_path(job.source), 100)
    looked(job, attempt)
    assert (attempt.error_code, attempt.error_class, job.state) == ("ENCODING_SOURCE_LOST", "dependency", JobState.QUEUED)


def test_the_same_look_twice_decides_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_service, "look_again", lambda session: None)
    job = job_at()
    attempt = fail(job, Failure("mediaconvert", "3450"))
    looked(job, attempt)
    version = job.version
    looked(job, attempt)
    assert job.version == version
    assert Task.objects.filter(kind="processing.submit").count() == 1


def test_a_job_that_went_on_or_was_canceled_meanwhile_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_service, "look_again", lambda session: None)
    job = job_at()
    attempt = fail(job, Failure("mediaconvert", "3450"))
    attempt_at(job, LOCAL)
    looked(job, attempt)
    assert (attempt.decision, job.state) == ("the job went on meanwhile", JobState.RUNNING)
    Attempt.objects.filter(pk=attempt.pk).update(decision="")
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELED)
    looked(job, attempt)
    assert (attempt.decision, job.state) == ("", JobState.CANCELED)
    assert not Task.objects.filter(kind="processing.submit").exists()


def test_who_cannot_look_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise ProbeKilled("no answer")

    monkeypatch.setattr(look_service, "look_again", killed)
    attempt = fail(job_at(), Failure("mediaconvert", "1010", UNREADABLE))
    with pytest.raises(ProbeKilled):
        look(attempt.public_id)
    attempt.refresh_from_db()
    assert attempt.decision == "", "the task comes again"
    looking_is_dead(Task.objects.get(kind="processing.look"))
    attempt.refresh_from_db()
    assert (attempt.error_code, attempt.error_class) == ("ENCODING_STORAGE_FAILED", "transient")
    assert attempt.decision.startswith("same_engine")


def test_a_job_is_attended_while_somebody_is_to_look() -> None:
    job = job_at()
    attempt = fail(job, Failure("mediaconvert", "1010", UNREADABLE))
    Job.objects.filter(pk=job.pk).update(updated_at="2020-01-01T00:00Z")
    assert not unattended().exists()
    Task.objects.filter(kind="processing.look").delete()
    assert unattended().get() == job
    assert attempt.state == AttemptState.FAILED
