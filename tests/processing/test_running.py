"""What may happen to a conversion while it runs: its worker dies, its owner cancels, its news comes late or twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from processing.engines.base import Failure, News, Observation, RungOutput, Stopped
from processing.engines.local import engine as local_engine
from processing.engines.local import process
from processing.models import Attempt, AttemptState, Job, JobState, Publication
from processing.services import observe
from processing.services.jobs import cancel_job, open_job, retry_job
from processing.services.observe import apply_observation
from processing.services.run import run_attempt
from processing.services.submit import submit_job
from processing.signals import job_progressed
from tests import media
from tests.processing.helpers import Context, accepted, run_next, submitted
from uploads.models import VideoState

pytestmark = pytest.mark.django_db(transaction=True)

TWO_RUNGS: dict[str, Any] = {"width": 854, "height": 480, "fps": 10}


class Died(BaseException):
    """Stands for a worker's death: nothing after it runs but what the kernel does."""


def dies_at(monkeypatch: pytest.MonkeyPatch, rung: str) -> None:
    real = local_engine.command.rung_command

    def until(*args: Any, **values: Any) -> list[str]:
        if values["rung"].name == rung:
            raise Died
        return real(*args, **values)

    monkeypatch.setattr(local_engine.command, "rung_command", until)


def test_a_run_after_a_death_goes_on_with_the_missing_rungs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    job, first = submitted(media.clip(**TWO_RUNGS))
    with monkeypatch.context() as patched:
        dies_at(patched, "480p")
        with pytest.raises(Died):
            run_attempt(Context(), job_id=job.public_id, chain_id=first.public_id)
    kept = job.renditions.get(state="ready")
    assert not Publication.objects.get(job=job).complete, "the first rung plays meanwhile"
    run_attempt(Context(attempt=2), job_id=job.public_id, chain_id=first.public_id)
    job.refresh_from_db()
    assert job.state == JobState.READY
    assert list(job.attempts.values_list("number", "state")) == [(1, AttemptState.LOST), (2, AttemptState.SUCCEEDED)]
    assert {one.rung: one.attempt.number for one in job.renditions.all() if one.attempt} == {"360p": 1, "480p": 2}
    assert job.renditions.get(rung="360p").path == kept.path
    assert Publication.objects.get(job=job).complete


def test_a_third_run_goes_on_where_the_second_died(monkeypatch: pytest.MonkeyPatch) -> None:
    job, first = submitted(media.clip(**TWO_RUNGS))
    for rung in ("360p", "480p"):
        with monkeypatch.context() as patched:
            dies_at(patched, rung)
            with pytest.raises(Died):
                run_attempt(Context(), job_id=job.public_id, chain_id=first.public_id)
    run_attempt(Context(), job_id=job.public_id, chain_id=first.public_id)
    assert list(job.attempts.values_list("state", flat=True)) == [AttemptState.LOST, AttemptState.LOST, AttemptState.SUCCEEDED]


def test_a_death_between_a_ready_rung_and_its_playlist_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    job, first = submitted(media.clip())
    with monkeypatch.context() as patched:
        patched.setattr(observe, "publish", lambda *_, **__: (_ for _ in ()).throw(Died()))
        with pytest.raises(Died):
            run_attempt(Context(), job_id=job.public_id, chain_id=first.public_id)
    assert not Publication.objects.exists()
    run_attempt(Context(), job_id=job.public_id, chain_id=first.public_id)
    job.refresh_from_db()
    assert (job.state, Publication.objects.get(job=job).complete) == (JobState.READY, True)


def slow_command(mark: Path) -> Callable[..., list[str]]:
    script = f"echo $$ > {mark}; while :; do echo out_time_us=1000; echo progress=continue; sleep 0.1; done"
    return lambda *_, **__: ["/bin/sh", "-c", script]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_for(condition: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came true")


def pid_in(mark: Path) -> int | None:
    return int(text) if mark.exists() and (text := mark.read_text().strip()) else None


def in_thread(job: Job, attempt: Attempt, context: Context) -> threading.Thread:
    def body() -> None:
        try:
            run_attempt(context, job_id=job.public_id, chain_id=attempt.public_id)
        finally:
            connection.close()

    thread = threading.Thread(target=body)
    thread.start()
    return thread


def test_cancel_stops_a_running_ffmpeg_within_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job, attempt = submitted(media.clip())
    monkeypatch.setattr(local_engine.command, "rung_command", slow_command(tmp_path / "pid"))
    thread = in_thread(job, attempt, Context())
    pid = wait_for(lambda: pid_in(tmp_path / "pid"))
    cancel_job(job, by=None, reason="changed my mind")
    thread.join(60)
    assert not thread.is_alive(), "by itself it would go on for ever"
    assert gone(pid)
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert (job.state, attempt.state, job.video.state) == (JobState.CANCELED, AttemptState.CANCELED, VideoState.CANCELED)
    assert not (Path(settings.WORK_DIR) / attempt.public_id).exists()


def test_a_lost_lease_kills_ffmpeg_and_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job, attempt = submitted(media.clip())
    monkeypatch.setattr(local_engine.command, "rung_command", slow_command(tmp_path / "pid"))
    context = Context()
    thread = in_thread(job, attempt, context)
    pid = wait_for(lambda: pid_in(tmp_path / "pid"))
    before = Attempt.objects.filter(pk=attempt.pk).values().get()
    context.lost = True
    thread.join(60)
    assert gone(pid)
    after = Attempt.objects.filter(pk=attempt.pk).values().get()
    assert (after["state"], after["ended_at"]) == (before["state"], None)


def test_ffmpeg_dies_with_its_worker(tmp_path: Path) -> None:
    """SIGKILL of the parent leaves no orphan that goes on writing."""
    mark = tmp_path / "pid"
    program = (
        "from processing.engines.local.process import started\nimport time\n"
        f"with started(['/bin/sh', '-c', 'echo $$ > {mark}; exec sleep 60']):\n    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=settings.BASE_DIR)
    try:
        pid = wait_for(lambda: pid_in(mark))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: gone(pid))


def test_the_whole_group_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with process.started(["/bin/sh", "-c", f"sleep 60 & echo $! > {mark}; wait"]):
        pid = wait_for(lambda: pid_in(mark))
    wait_for(lambda: gone(pid))


def test_late_and_repeated_news_changes_nothing() -> None:
    job, attempt = submitted(media.clip())
    mine = attempt.public_id
    assert apply_observation(mine, Observation(News.SUBMITTED))
    assert not apply_observation(mine, Observation(News.SUBMITTED))
    assert apply_observation(mine, Observation(News.PROGRESSING, percent=50, phase="180p"))
    assert not apply_observation(mine, Observation(News.SUBMITTED)), "news never goes down"
    assert not apply_observation(mine, Observation(News.PROGRESSING, percent=55, phase="180p")), "too soon"
    assert apply_observation(mine, Observation(News.PROGRESSING, percent=40, phase="other"))
    attempt.refresh_from_db()
    assert attempt.percent == 50
    assert apply_observation(mine, Observation(News.ERROR, failure=Failure("engine", "STALLED", "x")))
    before = Attempt.objects.filter(pk=attempt.pk).values().get()
    output = RungOutput("180p", "p/180p/index.m3u8", 1, 2.0, 100, "avc1.640016")
    for late in (
        Observation(News.SUBMITTED),
        Observation(News.PROGRESSING, percent=99, phase="late"),
        Observation(News.RUNG_READY, output=output),
        Observation(News.COMPLETE),
        Observation(News.ERROR, failure=Failure("engine", "STALLED", "y")),
        Observation(News.CANCELED),
    ):
        assert not apply_observation(mine, late)
    assert Attempt.objects.filter(pk=attempt.pk).values().get() == before
    assert not job.renditions.exists()


def test_news_of_an_attempt_nobody_knows_changes_nothing() -> None:
    assert not apply_observation("att_unknown", Observation(News.COMPLETE))


def test_complete_without_its_rungs_is_not_believed() -> None:
    job, attempt = submitted(media.clip())
    apply_observation(attempt.public_id, Observation(News.SUBMITTED))
    assert apply_observation(attempt.public_id, Observation(News.COMPLETE))
    attempt.refresh_from_db()
    job.refresh_from_db()
    assert (attempt.state, attempt.error_class) == (AttemptState.FAILED, "output_invalid")
    assert job.state != JobState.READY


def test_canceled_from_outside_is_tried_again() -> None:
    job, attempt = submitted(media.clip())
    assert apply_observation(attempt.public_id, Observation(News.CANCELED))
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.QUEUED, "ENCODING_ENGINE_FAILED")


def test_progress_is_told_at_most_every_two_seconds() -> None:
    told: list[float] = []
    listener = lambda job, **_: told.append(job.percent)  # noqa: E731
    job_progressed.connect(listener)
    try:
        run_next(open_job(accepted(media.clip())))
    finally:
        job_progressed.disconnect(listener)
    assert 2 <= len(told) <= 6
    assert told == sorted(told)


def test_a_new_file_supersedes_the_job_over_the_old_one(tmp_path: Path) -> None:
    job, attempt = submitted(media.clip())
    newer = accepted(media.clip())
    type(newer).objects.filter(pk=newer.pk).update(video=job.video)
    newer.refresh_from_db()
    successor = open_job(newer)
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert (job.state, attempt.state) == (JobState.CANCELED, AttemptState.SUPERSEDED)
    assert open_job(newer) == successor, "the same news twice makes one job"
    run_next(successor)
    successor.refresh_from_db()
    assert Publication.objects.get(video=job.video).job == successor
    with pytest.raises(Exception, match="newer conversion"):
        retry_job(job, by=None, reason="")


def test_a_watch_says_stop_when_the_video_is_deleted() -> None:
    from processing.services.run import AttemptWatch

    job, attempt = submitted(media.clip())
    watch = AttemptWatch(Context(), attempt.public_id)
    watch._looked = 0.0
    watch.check()
    job.video.delete()
    watch._looked = 0.0
    with pytest.raises(Stopped):
        watch.check()
    assert submit_job(job.public_id) is None
