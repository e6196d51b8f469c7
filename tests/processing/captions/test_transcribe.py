"""Amazon Transcribe, as moto plays it: one job for each try, asked now and then, its files gone when it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from processing import store
from processing.captions import services
from processing.captions.errors import CaptionsAway
from processing.captions.models import Caption, CaptionState
from processing.captions.transcribe import TranscribeEngine
from processing.models import Job
from resilience.models import Task
from resilience.tasks.registry import kind_of
from tests.processing.helpers import Context
from tests.s3 import FakeS3
from uploads.models import Video

from .conftest import published

pytestmark = pytest.mark.django_db

SAID = "WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.000\nHello\n"


@pytest.fixture
def job(renditions_in_s3: FakeS3, settings: Any, tmp_path: Path) -> Job:
    settings.CAPTIONS, settings.CAPTIONS_URL, settings.CAPTIONS_LANGUAGE = "transcribe", renditions_in_s3.url, ""
    return published(tmp_path / "made")


@pytest.fixture
def amazon(renditions_in_s3: FakeS3) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("transcribe", endpoint_url=renditions_in_s3.url, region_name="us-east-1", **keys)


def step(caption: Caption) -> Caption:
    task = Task.objects.filter(kind="processing.caption", payload__caption=caption.public_id).latest("created_at")
    kind_of(task.kind).body(Context(task_id=str(task.pk)), **task.payload)
    caption.refresh_from_db()
    return caption


def until_it_is_done(caption: Caption, amazon: Any) -> None:
    """Have moto's job move on, as it does with each question."""
    for _ in range(5):
        if amazon.get_transcription_job(TranscriptionJobName=services.name_of(caption))["TranscriptionJob"]["TranscriptionJobStatus"] == "COMPLETED":
            return
    raise AssertionError("it does not end")


def test_from_sound_to_captions(job: Job, amazon: Any, renditions_in_s3: FakeS3) -> None:
    caption = services.ask_for_captions(job)
    assert caption is not None
    assert step(caption).state == CaptionState.RUNNING
    assert Task.objects.filter(kind="processing.caption").count() == 2  # the next look
    [told] = amazon.list_transcription_jobs()["TranscriptionJobSummaries"]
    assert told["TranscriptionJobName"] == caption.external_id
    asked = amazon.get_transcription_job(TranscriptionJobName=caption.external_id)["TranscriptionJob"]
    sound = asked["Media"]["MediaFileUri"].removeprefix("s3://holdfast-renditions/")
    assert renditions_in_s3.body(sound)[4:8] == b"ftyp"
    until_it_is_done(caption, amazon)
    with pytest.raises(CaptionsAway):  # done, and its file is not seen yet
        step(caption)
    store.put_text(f"{services.folder_of(caption)}/transcript.vtt", SAID)
    store.put_text(f"{services.folder_of(caption)}/transcript.json", "{}")
    step(caption)
    assert (caption.state, caption.language) == (CaptionState.READY, "en-US")
    assert "Hello" in store.read_text(caption.path)
    assert not any(name for name in renditions_in_s3.objects() if "sound" in name or "transcript" in name)
    forget = Task.objects.get(kind="processing.forget_caption")
    for _ in range(2):  # and once more: it is gone
        kind_of(forget.kind).body(Context(), **forget.payload)
    assert amazon.list_transcription_jobs()["TranscriptionJobSummaries"] == []


def test_a_lost_answer_makes_no_second_job(job: Job, amazon: Any) -> None:
    caption = services.ask_for_captions(job)
    assert caption is not None
    step(caption)
    kind_of("processing.caption").body(Context(), caption=caption.public_id, tries=0)
    assert len(amazon.list_transcription_jobs()["TranscriptionJobSummaries"]) == 1


def test_a_failed_job_is_told_with_amazons_words(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"TranscriptionJobStatus": "FAILED", "FailureReason": "the sound is broken"}
    monkeypatch.setattr("processing.captions.transcribe._find", lambda name: told)
    caption = services.ask_for_captions(job)
    assert caption is not None
    assert step(caption).error_raw == "the sound is broken"


def test_a_try_that_goes_on_for_a_day_is_given_up(job: Job) -> None:
    caption = services.ask_for_captions(job)
    assert caption is not None
    step(caption)
    Caption.objects.update(updated_at="2020-01-01T00:00:00Z")
    assert step(caption).state == CaptionState.FAILED


def test_a_deleted_video_is_forgotten_there(job: Job, amazon: Any) -> None:
    caption = services.ask_for_captions(job)
    assert caption is not None
    step(caption)
    Video.objects.get(pk=caption.video_id).delete()
    forget = Task.objects.get(kind="processing.forget_caption")
    kind_of(forget.kind).body(Context(), **forget.payload)
    assert amazon.list_transcription_jobs()["TranscriptionJobSummaries"] == []


def test_nobody_there(job: Job, settings: Any) -> None:
    settings.CAPTIONS_URL = "http://127.0.0.1:9"
    with pytest.raises(CaptionsAway):
        TranscribeEngine().forget("x")
