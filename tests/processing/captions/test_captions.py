"""Captions come after a video is published; whatever becomes of them, it plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from processing import store
from processing.captions import openai, services
from processing.captions.errors import CaptionsAway, CaptionsRefused
from processing.captions.models import Caption, CaptionState
from processing.captions.selectors import captions_of
from processing.delivery import Asked, Delivered, deliver
from processing.models import Job
from processing.notes import JobStillRunning
from processing.signals import job_ready
from resilience.circuits import CircuitOpen
from resilience.models import OperatorAction, Task
from resilience.tasks.registry import kind_of
from tests.factories import make_user
from tests.processing.helpers import Context
from uploads.models import Video

from .conftest import published
from .service import Service

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return published(tmp_path / "made")


def write(caption: Caption) -> Caption:
    """Run the newest task for a caption."""
    task = Task.objects.filter(kind="processing.caption", payload__caption=caption.public_id).latest("created_at")
    kind_of(task.kind).body(Context(task_id=str(task.pk)), **task.payload)
    caption.refresh_from_db()
    return caption


def asked(job: Job) -> Caption:
    caption = services.ask_for_captions(job)
    assert caption is not None
    return caption


def test_a_video_that_is_ready_gets_captions(job: Job, service: Service) -> None:
    job_ready.send(sender=Job, job=job)
    caption = write(Caption.objects.get())
    assert (caption.state, caption.language, caption.engine) == (CaptionState.READY, "de", "openai")
    assert captions_of(job.video) == caption
    delivered = deliver(Asked(job.video, caption.path.partition("/")[2]))
    assert isinstance(delivered, Delivered)
    assert delivered.content_type == "text/vtt; charset=utf-8"
    with delivered.file as file:
        assert file.read().decode() == ("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nGuten Tag &lt;b&gt;&amp;\n\n00:00:01.500 --> 00:00:03.000\nEnde\n")
    [(path, headers, body)] = service.asked
    assert path == "/v1/audio/transcriptions"
    assert headers["Authorization"] == "Bearer sesame"
    assert all(part in body for part in (b'name="model"', b"whisper-1", b"verbose_json", b'filename="sound.m4a"', b"ftyp"))
    assert len(body) < 40_000  # of a listener's quality


def test_off_is_off(job: Job, settings: Any) -> None:
    assert settings.CAPTIONS == "off"
    job_ready.send(sender=Job, job=job)
    assert not Caption.objects.exists()


def test_silence_is_not_listened_to(job: Job, service: Service) -> None:
    job.source.probe = {"audio": None}
    job.source.save()
    assert services.ask_for_captions(job) is None


def test_the_same_file_is_listened_to_once(job: Job, service: Service) -> None:
    caption = write(asked(job))
    assert asked(job) == caption
    write(caption)  # the task ran again
    assert len(service.asked) == 1
    assert Task.objects.filter(kind="processing.caption").count() == 1


def test_a_film_in_which_nobody_speaks_has_none(job: Job, service: Service) -> None:
    service.answers = [(200, {}, b'{"language": "english", "segments": [{"start": 0, "end": 1, "text": " "}]}')]
    assert write(asked(job)).state == CaptionState.READY
    assert captions_of(job.video) is None


@pytest.mark.parametrize(
    ("status", "headers", "answer", "after"),
    [(503, {}, b"busy", None), (429, {"Retry-After": "7"}, b"slow", 7.0), (500, {}, b"", None), (200, {}, b"<html>a proxy</html>", None)],
)
def test_what_may_pass_is_tried_again(job: Job, service: Service, status: int, headers: dict[str, str], answer: bytes, after: float | None) -> None:
    service.answers = [(status, headers, answer)]
    caption = asked(job)
    with pytest.raises(CaptionsAway) as caught:
        write(caption)
    assert caught.value.retry_after == after
    caption.refresh_from_db()
    assert caption.state == CaptionState.RUNNING
    assert write(caption).state == CaptionState.READY


@pytest.mark.parametrize(
    ("status", "answer"), [(401, b"bad key"), (400, b"no such model"), (404, b""), (200, b"[]"), (200, b'{"segments": [{"text": "without times"}]}')]
)
def test_what_will_not_pass_is_told_to_operators_and_tried_again_by_them(job: Job, service: Service, status: int, answer: bytes) -> None:
    service.answers = [(status, {}, answer)]
    caption = write(asked(job))
    assert (caption.state, caption.error_code) == (CaptionState.FAILED, "CAPTIONS_REFUSED")
    job.video.refresh_from_db()
    assert job.video.error_code == ""
    by = make_user(superuser=True)
    services.retry_caption(caption, by=by, reason="the key is mended")
    assert OperatorAction.objects.get(action="caption.retry").reason == "the key is mended"
    with pytest.raises(JobStillRunning):
        services.retry_caption(caption, by=by, reason="twice")
    assert write(caption).state == CaptionState.READY
    assert caption.error_code == ""


def test_operators_see_the_services_own_words(job: Job, service: Service) -> None:
    service.answers = [(401, {}, b"bad key")]
    assert write(asked(job)).error_raw == "HTTP 401: bad key"


def test_nobody_there(job: Job, service: Service, settings: Any) -> None:
    settings.CAPTIONS_URL = "http://127.0.0.1:9/v1"
    caption = asked(job)
    for _ in range(5):
        with pytest.raises(CaptionsAway):
            openai_alone()
    with pytest.raises(CircuitOpen):  # it is left alone, and the task waits without spending a try
        write(caption)
    assert service.asked == []


def openai_alone() -> None:
    from processing.captions.base import guarded

    guarded(lambda: openai._ask(b"sound"))


def test_a_task_that_was_tried_in_vain_leaves_a_failure_to_be_seen(job: Job, service: Service) -> None:
    caption = asked(job)
    task = Task.objects.get(kind="processing.caption")
    task.error_code, task.last_error = "CAPTIONS_AWAY", "CaptionsAway: no"
    services.is_dead(task)
    caption.refresh_from_db()
    assert (caption.state, caption.error_code, caption.error_raw) == (CaptionState.FAILED, "CAPTIONS_AWAY", "CaptionsAway: no")


def test_a_long_film_is_listened_to_piece_by_piece(job: Job, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "PIECE_SECONDS", 1.5)
    caption = write(asked(job))
    assert len(service.asked) == 2
    lines = store.read_text(caption.path).splitlines()
    assert [line for line in lines if "-->" in line][2:] == ["00:00:01.500 --> 00:00:03.000", "00:00:03.000 --> 00:00:04.500"]


def test_captions_that_nobody_writes_are_found(job: Job, service: Service) -> None:
    caption = asked(job)
    assert services.resume_captions() == 0
    Task.objects.all().delete()
    Caption.objects.update(updated_at="2020-01-01T00:00:00Z")
    assert services.resume_captions(dry_run=True) == 1
    assert services.resume_captions() == 1
    assert write(caption).state == CaptionState.READY


def test_while_captions_are_off_they_wait(job: Job, service: Service, settings: Any) -> None:
    caption = asked(job)
    settings.CAPTIONS = "off"
    assert write(caption).state == CaptionState.PENDING
    assert services.resume_captions() == 0


def test_the_video_was_deleted_while_somebody_listened(job: Job, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    caption = asked(job)
    video = job.video.public_id
    real = openai.OpenAiEngine.listen

    def deleted_meanwhile(engine: Any, work: Any) -> Any:
        heard = real(engine, work)
        store.delete_tree(video)
        Video.objects.filter(public_id=video).delete()
        return heard

    monkeypatch.setattr(openai.OpenAiEngine, "listen", deleted_meanwhile)
    task = Task.objects.get(kind="processing.caption")
    kind_of(task.kind).body(Context(), caption=caption.public_id, tries=0)
    assert store.listed(video) == ([], [])


def test_an_engine_nobody_knows_is_told(job: Job, service: Service) -> None:
    caption = asked(job)
    Caption.objects.update(engine="gone")
    assert write(caption).error_code == CaptionsRefused.entry.code
