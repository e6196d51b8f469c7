"""Broken sources, killed processes, full disks: each ends where the table says, with words for the person concerned."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from processing import models, signals, store
from processing.engines.local import engine as local_engine
from processing.engines.local import process
from processing.models import Attempt, AttemptState, Job, JobState, RetryPolicy
from processing.services.run import order_for
from processing.services.submit import submit_job
from resilience.errors import CATALOGUE
from resilience.models import Task
from tests import media
from tests.processing.helpers import Context, convert, probe_of, run_next, submitted
from uploads.models import VideoState
from uploads.selectors import source_path

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    whole = media.clip(seconds=4, options=("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "15"), faststart=True)
    return media.garbage(whole, tmp_path / "damaged.mp4", at=0.5)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    names: list[str] = []
    listeners = []
    for name in ("first_rendition_ready", "job_ready", "job_needs_new_file", "job_retrying", "job_given_up"):
        listener = lambda name=name, **_: names.append(name)  # noqa: E731
        getattr(signals, name).connect(listener, weak=False)
        listeners.append((name, listener))
    yield names
    for name, listener in listeners:
        getattr(signals, name).disconnect(listener)


def error(job: Job) -> tuple[str, str]:
    return job.error_code, CATALOGUE.get(job.error_code).sentence(job.error_fields)


def test_a_damaged_source_is_saved_in_a_second_lenient_pass_and_the_owner_is_told(damaged: Path, heard: list[str]) -> None:
    job = convert(damaged)
    strict = job.attempts.get()
    assert (strict.state, strict.error_class, job.state) == (AttemptState.FAILED, "input_corrupt", JobState.QUEUED)
    assert not job.renditions.filter(state="ready").exists()
    run_next(job)
    job.refresh_from_db()
    assert job.state == JobState.READY
    assert job.attempts.get(number=2).salvage
    assert error(job) == (
        "ENCODING_DAMAGED_FROM",
        "The original is damaged from 0:02 on. We saved what could be saved: it plays, but parts of picture or sound may be missing.",
    )
    assert (job.video.state, job.video.error_code) == (VideoState.READY, "ENCODING_DAMAGED_FROM")
    assert heard == ["first_rendition_ready", "job_ready"]


def test_without_salvage_in_its_policy_a_damaged_source_needs_a_new_file(damaged: Path, heard: list[str]) -> None:
    RetryPolicy.objects.update_or_create(error_class="input_corrupt", defaults={"salvage": False, "tries": 0, "base_s": 0, "cap_s": 0})
    job = convert(damaged)
    assert job.state == JobState.NEEDS_NEW_FILE
    assert job.video.state == VideoState.NEEDS_NEW_FILE
    assert "damaged from 0:02 on" in error(job)[1]
    assert heard == ["job_needs_new_file"]


def test_a_source_whose_end_is_missing_needs_a_new_file(tmp_path: Path) -> None:
    whole = media.clip(seconds=4, faststart=True)
    job = convert(media.cut(whole, tmp_path / "cut.mp4", share=0.6), probe=probe_of(whole))
    assert (job.state, job.error_code) == (JobState.NEEDS_NEW_FILE, "ENCODING_SOURCE_TRUNCATED")
    assert "/" not in error(job)[1]


def test_a_result_shorter_than_the_source_is_not_published_as_if_whole(tmp_path: Path) -> None:
    """Exit code 0, no complaint, and yet not what the source promised."""
    clip = media.clip()
    job = convert(clip, probe=probe_of(clip) | {"duration_s": 10.0, "video": probe_of(clip)["video"] | {"frames": 300}})
    attempt = job.attempts.get()
    assert (attempt.error_class, attempt.error_raw) == ("output_invalid", "verify 180p: 2.0 s instead of 10.0 s")
    run_next(job)  # a lenient pass finds less than half of it: not worth watching
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.NEEDS_NEW_FILE, "ENCODING_OUTPUT_INVALID")
    assert not models.Publication.objects.exists()


def test_a_source_cut_short_in_our_store_is_our_fault() -> None:
    job, attempt = submitted(media.clip())
    path = source_path(job.source)
    os.truncate(path, path.stat().st_size // 2)
    run_next(job)
    attempt.refresh_from_db()
    assert (attempt.error_code, attempt.error_class) == ("ENCODING_SOURCE_LOST", "dependency")
    for _ in range(2):
        run_next(job)
    job.refresh_from_db()
    assert (job.state, job.video.state, job.error_code) == (JobState.DEAD, VideoState.FAILED, "ENCODING_SOURCE_LOST")


def test_a_killed_ffmpeg_is_tried_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> None:
    monkeypatch.setattr(local_engine.command, "rung_command", lambda *_, **__: ["/bin/sh", "-c", "echo progress=continue; kill -9 $$"])
    job = convert(media.clip())
    assert (job.state, job.attempts.get().error_raw, job.error_code) == (JobState.QUEUED, "ffmpeg killed: ", "ENCODING_ENGINE_FAILED")
    assert job.retry_at is not None
    retry = Task.objects.get(kind="processing.submit", payload__job_id=job.public_id, run_at=job.retry_at)
    assert retry.payload["engine"] == "local"
    run_next(job)
    run_next(job)
    job.refresh_from_db()
    assert (job.state, job.video.state, job.error_code, job.error_fields) == (JobState.DEAD, VideoState.FAILED, "ENCODING_GAVE_UP", {"tries": 3})
    assert heard == ["job_retrying", "job_given_up"]


def test_a_failure_after_the_first_rung_leaves_it_playable(monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> None:
    real = local_engine.command.rung_command

    def only_lowest(*args: Any, **values: Any) -> list[str]:
        return real(*args, **values) if values["rung"].name == "360p" else ["/bin/sh", "-c", "kill -9 $$"]

    monkeypatch.setattr(local_engine.command, "rung_command", only_lowest)
    job = convert(media.clip(width=854, height=480, fps=10))
    for _ in range(2):
        run_next(job)
    job.refresh_from_db()
    assert (job.state, job.video.state) == (JobState.READY_PARTIAL, VideoState.READY)
    assert error(job) == ("ENCODING_LOWER_QUALITY", "The video plays, but its higher qualities could not be made (480p).")
    assert models.Publication.objects.get(job=job).complete
    assert heard == ["first_rendition_ready", "job_retrying", "job_ready"]


def test_a_full_disk_waits_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(local_engine, "put_folder", full)
        job = convert(media.clip())
    attempt = job.attempts.get()
    assert (attempt.error_code, attempt.error_class, job.state) == ("ENCODING_DISK_FULL", "capacity", JobState.QUEUED)
    assert "Free space" in CATALOGUE.get(attempt.error_code).runbook
    run_next(job)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.READY, "")


def test_without_an_ffmpeg_the_job_waits_for_the_operator(settings: Any) -> None:
    settings.FFMPEG = "/nonexistent/ffmpeg"
    job = convert(media.clip())
    assert (job.state, job.video.state, job.error_code) == (JobState.BLOCKED, VideoState.BLOCKED, "ENCODING_ENGINE_MISSING")


def test_an_ffmpeg_that_stands_still_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    monkeypatch.setattr(local_engine.command, "rung_command", lambda *_, **__: ["/bin/sh", "-c", f"echo $$ > {mark}; exec sleep 60"])
    real = process.run
    monkeypatch.setattr(process, "run", lambda command, watch, **values: real(command, watch, stall_s=0.5, limit_s=5))
    job = convert(media.clip())
    assert job.attempts.get().error_code == "ENCODING_STALLED"
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), signal.SIG_DFL)


def test_what_an_attempt_put_before_it_failed_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between two files of a rung: the next attempt writes elsewhere and the remains are reaped."""
    from processing.services.reap import reap_outputs

    real, seen = store.put_file, []

    def dies(local: Path, name: str) -> None:
        if name.endswith("index.m3u8"):
            raise OSError(5, "gone")
        seen.append(name)
        real(local, name)

    with monkeypatch.context() as patched:
        patched.setattr(store, "put_file", dies)
        job = convert(media.clip())
    assert seen
    assert all(default_storage.exists(name) for name in seen)
    run_next(job)
    job.refresh_from_db()
    assert job.state == JobState.READY
    assert job.renditions.get().path.rpartition("/")[0] not in {name.rpartition("/")[0] for name in seen}
    assert reap_outputs(dry_run=True) == 1
    assert reap_outputs() == 1
    assert not any(default_storage.exists(name) for name in seen)
    assert default_storage.exists(job.renditions.get().path)


def test_a_picture_of_a_lost_attempt_goes_though_a_rung_of_it_is_watched() -> None:
    """Killed between the first rung and its being shown: the next attempt makes the picture again, and the rung never again."""
    from processing.services.reap import reap_outputs

    job, attempt = submitted(media.clip())
    lost = f"{job.video.public_id}/{job.public_id}/{attempt.public_id}"
    for name in ("poster.jpg", "180p/index.m3u8"):
        default_storage.save(f"{lost}/{name}", ContentFile(b"#EXTM3U"))
    models.Rendition.objects.create(job=job, attempt=attempt, rung="180p", state="ready", path=f"{lost}/180p/index.m3u8")
    models.Attempt.objects.filter(pk=attempt.pk).update(state=models.AttemptState.LOST, ended_at=Now())
    models.Publication.objects.create(video=job.video, job=job, playlist="x", poster="another/poster.jpg")
    assert reap_outputs(dry_run=True) == 1
    assert reap_outputs() == 1
    assert not default_storage.exists(f"{lost}/poster.jpg")
    assert default_storage.exists(f"{lost}/180p/index.m3u8")
    models.Publication.objects.update(poster=f"{lost}/picture.jpg")
    default_storage.save(f"{lost}/picture.jpg", ContentFile(b"shown"))
    models.Attempt.objects.update(look_at=Now())
    assert reap_outputs() == 0
    assert default_storage.exists(f"{lost}/picture.jpg")


def test_what_a_lost_attempt_left_goes_however_long_ago_it_ended_and_once_more_when_it_wrote_on() -> None:
    from processing.services.reap import reap_outputs

    job, attempt = submitted(media.clip())
    left = f"{job.video.public_id}/{job.public_id}/{attempt.public_id}/180p/index.m3u8"
    attempts = models.Attempt.objects.filter(pk=attempt.pk)
    attempts.update(state=models.AttemptState.LOST, ended_at=Now() - timedelta(hours=1))
    default_storage.save(left, ContentFile(b"#EXTM3U"))
    assert reap_outputs() == 1
    default_storage.save(left, ContentFile(b"#EXTM3U"))  # by a process that was given up, and lived
    assert reap_outputs() == 0, "not looked at again at once"
    attempts.update(look_at=Now())
    assert reap_outputs() == 1
    default_storage.save(left, ContentFile(b"#EXTM3U"))
    attempts.update(look_at=Now())
    attempts.update(ended_at=Now() - timedelta(days=30))
    assert reap_outputs() == 1
    assert attempts.get().look_at is None


def test_an_order_names_only_what_is_missing() -> None:
    job, attempt = submitted(media.clip(width=854, height=480, fps=10))
    models.Rendition.objects.create(job=job, rung="360p", state="ready", path="x")
    order = order_for(attempt, source=str(source_path(attempt.job.source)))
    assert [rung.name for rung in order.missing] == ["480p"]
    assert 0 < order.done_weight < sum(rung.weight for rung in order.missing)
    assert submit_job(job.public_id) is None, "one live attempt at a time"
    assert Attempt.objects.count() == 1
    assert Context().lease_lost() is False
