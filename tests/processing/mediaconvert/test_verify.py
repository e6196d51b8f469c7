"""What MediaConvert made is looked at before anybody plays it, over the wire: whole, short, missing, damaged, and in part."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import default_storage

from processing.engines.base import News, Observation
from processing.models import Attempt, AttemptState, Job, JobState, Publication, RenditionState
from processing.services.jobs import cancel_job, retry_job
from processing.services.observe import apply_observation
from processing.services.submission import carry_on
from processing.services.submit import submit_job
from processing.services.verifying import verify
from processing.store import read_text
from resilience import faults
from resilience.models import Task
from tests import media
from tests.emulator import RENDITIONS, FakeMediaConvert, running_emulator
from tests.processing.helpers import Context

from .rows import REGION, opened, put, source_in_s3

pytestmark = pytest.mark.django_db

TWO_RUNGS: dict[str, Any] = {"width": 854, "height": 480, "fps": 10}


class Died(BaseException):
    """A worker's death."""


def done(fake: FakeMediaConvert, job: Job, attempt: Attempt) -> Attempt:
    """Ask, wait until MediaConvert says it is done, and tell so."""
    carry_on(job.public_id)
    attempt.refresh_from_db()
    assert fake.ended(attempt.external_id)["Status"] == "COMPLETE"
    assert apply_observation(attempt.public_id, Observation(News.COMPLETE))
    assert not apply_observation(attempt.public_id, Observation(News.COMPLETE)), "said twice is said once"
    attempt.refresh_from_db()
    assert (attempt.state, Task.objects.filter(kind="processing.verify", key=attempt.public_id).count()) == (AttemptState.VERIFYING, 1)
    return attempt


def film(fake: FakeMediaConvert, **values: Any) -> tuple[Job, Attempt]:
    path = media.clip(seconds=2, **values)
    session = source_in_s3(path)
    put(fake, session, path)
    return opened(session)


def looked(attempt: Attempt, job: Job) -> tuple[str, str]:
    verify(Context(), attempt.public_id)
    attempt.refresh_from_db()
    job.refresh_from_db()
    return attempt.state, job.state


def test_whole_outputs_are_published_with_a_poster(mediaconvert: FakeMediaConvert) -> None:
    job, attempt = film(mediaconvert, **TWO_RUNGS)
    done(mediaconvert, job, attempt)
    assert looked(attempt, job) == (AttemptState.SUCCEEDED, JobState.READY)
    low, high = job.renditions.order_by("bitrate")
    assert (low.rung, low.width, low.height, high.rung) == ("360p", 640, 360, "480p")
    assert low.codecs.startswith("avc1.")
    assert low.codecs.endswith(",mp4a.40.2")
    assert low.duration_s == pytest.approx(2, abs=0.3)
    shown = Publication.objects.get(job=job)
    assert shown.complete
    assert f"{attempt.public_id}/360p/index_360p.m3u8" in read_text(shown.playlist)
    assert shown.poster.startswith(f"{job.video.public_id}/{job.public_id}/{attempt.public_id}/poster/")
    assert default_storage.exists(shown.poster)
    stored = mediaconvert.s3.client.list_objects_v2(Bucket=RENDITIONS, Prefix=f"renditions/{low.path.rpartition('/')[0]}/")["Contents"]
    assert low.size == sum(item["Size"] for item in stored if item["Key"].endswith(".ts"))


def test_sound_alone_is_published(mediaconvert: FakeMediaConvert) -> None:
    job, attempt = film(mediaconvert, video=False, suffix=".m4a")
    done(mediaconvert, job, attempt)
    assert looked(attempt, job) == (AttemptState.SUCCEEDED, JobState.READY)
    (only,) = job.renditions.all()
    assert (only.rung, only.codecs, only.width) == ("audio", "mp4a.40.2", None)


@pytest.mark.parametrize("fault", [{"fault": "short_output", "share": 0.4}, {"fault": "missing_output", "output": 0}], ids=lambda rule: rule["fault"])
def test_what_is_not_whole_is_not_published(mediaconvert: FakeMediaConvert, fault: dict[str, Any]) -> None:
    mediaconvert.faults(fault)
    job, attempt = film(mediaconvert)
    done(mediaconvert, job, attempt)
    looked(attempt, job)
    assert (attempt.state, attempt.error_class, attempt.error_code) == (AttemptState.FAILED, "output_invalid", "ENCODING_OUTPUT_INVALID")
    assert attempt.error_raw.startswith("verify 180p: ")
    assert not Publication.objects.filter(job=job).exists()


def test_a_damaged_segment_is_not_published(mediaconvert: FakeMediaConvert) -> None:
    job, attempt = film(mediaconvert)
    done(mediaconvert, job, attempt)
    name = f"renditions/{job.video.public_id}/{job.public_id}/{attempt.public_id}/180p/index_180p_00001.ts"
    s3 = mediaconvert.s3.client
    body = bytearray(s3.get_object(Bucket=RENDITIONS, Key=name)["Body"].read())
    body[564 : len(body) // 2] = b"\x47" + bytes(len(body) // 2 - 565)
    s3.put_object(Bucket=RENDITIONS, Key=name, Body=bytes(body))
    looked(attempt, job)
    assert (attempt.state, attempt.error_code) == (AttemptState.FAILED, "ENCODING_OUTPUT_INVALID")


def test_the_rungs_that_are_whole_can_be_played_and_only_the_other_is_made_again(mediaconvert: FakeMediaConvert) -> None:
    job, attempt = film(mediaconvert, **TWO_RUNGS)
    done(mediaconvert, job, attempt)
    name = f"renditions/{job.video.public_id}/{job.public_id}/{attempt.public_id}/480p/index_480p_00001.ts"
    mediaconvert.s3.client.delete_object(Bucket=RENDITIONS, Key=name)
    assert looked(attempt, job) == (AttemptState.FAILED, JobState.READY_PARTIAL)
    assert list(job.renditions.filter(state=RenditionState.READY).values_list("rung", flat=True)) == ["360p"]
    assert Publication.objects.filter(job=job).exists()
    successor = retry_job(job, by=None, reason="the other one, too")
    second = submit_job(successor.public_id)
    assert second is not None
    done(mediaconvert, successor, second)
    asked = mediaconvert.client(REGION).get_job(Id=second.external_id)["Job"]["Settings"]["OutputGroups"]
    assert [group["Name"] for group in asked] == ["480p"], "what is made is not made again, neither is the poster"
    assert looked(second, successor) == (AttemptState.SUCCEEDED, JobState.READY)
    assert {one.rung: one.attempt_id for one in successor.renditions.all()} == {"360p": attempt.pk, "480p": second.pk}


@pytest.mark.parametrize("step", ["rung_ready", "looked"])
def test_a_death_while_looking_is_made_good_by_looking_again(mediaconvert: FakeMediaConvert, step: str) -> None:
    job, attempt = film(mediaconvert)
    done(mediaconvert, job, attempt)
    with faults.armed(f"raise={__name__}.Died@processing.verify.{step}"), pytest.raises(Died):
        verify(Context(), attempt.public_id)
    assert looked(attempt, job) == (AttemptState.SUCCEEDED, JobState.READY)
    assert looked(attempt, job) == (AttemptState.SUCCEEDED, JobState.READY), "once more changes nothing"


def test_a_store_that_is_away_says_nothing_about_the_outputs(mediaconvert: FakeMediaConvert, monkeypatch: pytest.MonkeyPatch) -> None:
    job, attempt = film(mediaconvert)
    done(mediaconvert, job, attempt)
    with monkeypatch.context() as away:
        away.setattr("processing.engines.mediaconvert.outputs.read_text", lambda _name: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(OSError, match="Input/output"):
            verify(Context(), attempt.public_id)
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.VERIFYING
    assert looked(attempt, job) == (AttemptState.SUCCEEDED, JobState.READY)


def test_a_job_that_is_canceled_meanwhile_is_not_published(mediaconvert: FakeMediaConvert) -> None:
    job, attempt = film(mediaconvert)
    done(mediaconvert, job, attempt)
    cancel_job(job, by=None, reason="changed my mind")
    assert looked(attempt, job) == (AttemptState.CANCELED, JobState.CANCELED)
    assert not Publication.objects.filter(job=job).exists()


def test_a_real_transcode_passes_the_look(mediaconvert: FakeMediaConvert, settings: Any) -> None:
    with running_emulator(mediaconvert.s3, mode="real") as real:
        settings.MEDIACONVERT_ENDPOINT_URL = real.url
        job, attempt = film(real)
        done(real, job, attempt)
        assert looked(attempt, job) == (AttemptState.SUCCEEDED, JobState.READY)
