"""A film to save and pictures to seek by: made of what is in the store, for whoever may see it, and never in the way of playing."""

from __future__ import annotations

import io
import os
import re
import shutil
from pathlib import Path
from typing import Any

import av
import pytest
import requests
from django.conf import settings
from django.test import Client

from processing import store
from processing.delivery import Asked, Delivered, Elsewhere, deliver
from processing.engines.base import EngineFailure
from processing.extras import remux, services
from processing.extras.models import Extra, ExtraKind, ExtraState
from processing.extras.sheet import as_vtt, moment, sheet_for
from processing.models import Job, Publication, Rendition
from processing.services.reap import reap_work
from resilience.models import Task
from resilience.tasks.registry import kind_of
from tests import media
from tests.factories import make_job
from tests.processing.helpers import Context, convert
from uploads.models import Video

pytestmark = pytest.mark.django_db


def make(extra: Extra | None) -> Extra:
    """Run the task that was put down for it."""
    assert extra is not None
    task = Task.objects.get(kind=f"processing.{extra.kind}", key=str(extra.pk))
    kind_of(task.kind).body(Context(), **task.payload)
    extra.refresh_from_db()
    return extra


def content(video: Video, name: str) -> bytes:
    delivered = deliver(Asked(video, name.removeprefix(f"{video.public_id}/")))
    assert isinstance(delivered, Delivered)
    with delivered.file as file:
        return bytes(file.read())


def published(rung: str = "180p", *, picture: bool = True) -> Job:
    """A job as a conversion leaves it: three seconds with sound, in one segment."""
    job = make_job(state="ready")
    folder = f"{job.video.public_id}/{job.public_id}/att/{rung}"
    with remux.workplace("made") as work:
        shutil.copyfile(media.clip(seconds=3, video=picture, suffix=".ts"), work / "00000.ts")
        (work / "index.m3u8").write_text("#EXTM3U\n#EXTINF:3.0,\n00000.ts\n#EXT-X-ENDLIST\n")
        store.put_folder(work, folder, last="index.m3u8")
    size = {"width": 320, "height": 180} if picture else {}
    Rendition.objects.create(job=job, rung=rung, state="ready", path=f"{folder}/index.m3u8", duration_s=3.0, bitrate=1, **size)
    Publication.objects.create(video=job.video, job=job, playlist=f"{job.video.public_id}/{job.public_id}/main.m3u8")
    return job


@pytest.fixture
def film() -> Job:
    return published()


def test_a_film_to_save_is_the_best_there_is_in_one_file(either_store: str) -> None:
    film = published()
    Video.objects.filter(pk=film.video_id).update(title="Our holiday / part 1.MOV")
    film.video.refresh_from_db()
    extra = make(services.ask_for_download(film.video))
    assert (extra.state, extra.path) == (ExtraState.READY, film.renditions.get().path.replace("index.m3u8", "film.mp4"))
    delivered = deliver(Asked(film.video, extra.path.partition("/")[2]))
    if isinstance(delivered, Elsewhere):
        assert "response-content-disposition=attachment%3B%20filename%3D%22Our%20holiday%20part%201.mp4%22" in delivered.address
        with (Path(settings.WORK_DIR) / "copy").open("wb+") as copy:
            store.copy_to(extra.path, copy)
            copy.seek(0)
            data = copy.read()
    else:
        assert delivered.content_type == "video/mp4"
        assert delivered.save_as == "Our holiday part 1.mp4"
        with delivered.file as file:
            data = file.read()
    assert len(data) == extra.size
    assert data.index(b"moov") < data.index(b"mdat")  # it plays while it is loaded
    with av.open(io.BytesIO(data)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert abs((container.duration or 0) / av.time_base - 3) < 0.2


def test_sound_is_saved_as_sound() -> None:
    job = published("audio", picture=False)
    extra = make(services.ask_for_download(job.video))
    delivered = deliver(Asked(job.video, extra.path.partition("/")[2]))
    assert isinstance(delivered, Delivered)
    delivered.file.close()
    assert (delivered.content_type, delivered.save_as) == ("audio/mp4", "holiday.m4a")


def test_it_is_made_once_however_often_it_is_asked_for(film: Job) -> None:
    first = services.ask_for_download(film.video)
    assert services.ask_for_download(film.video) == first
    assert Task.objects.filter(kind="processing.download").count() == 1
    extra = make(first)
    make(extra)  # the answer was lost, and the task ran again
    assert services.ask_for_download(film.video) == extra
    assert Task.objects.filter(kind="processing.download").count() == 1


def test_a_run_that_died_after_its_file_was_there_goes_on(film: Job) -> None:
    extra = services.ask_for_download(film.video)
    assert extra is not None
    store.put_text(extra.path, "half of a fil")
    assert make(extra).size > 1000
    Extra.objects.update(state=ExtraState.PENDING, size=0)
    assert make(extra).size > 1000


def test_there_is_nothing_to_save_of_what_does_not_play() -> None:
    job = make_job()
    assert services.ask_for_download(job.video) is None
    assert services.ask_for_thumbnails(job) is None


def test_one_that_cannot_be_made_is_told_and_can_be_asked_for_again(film: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise EngineFailure(remux.Failure("ffmpeg", "1", "no"))

    extra = services.ask_for_download(film.video)
    assert extra is not None
    with monkeypatch.context() as patched:
        patched.setattr(remux, "run", fails)
        with pytest.raises(EngineFailure):
            make(extra)
    task = Task.objects.get(kind="processing.download")
    task.last_error = "no"
    services.is_dead(task)
    extra.refresh_from_db()
    assert (extra.state, extra.error) == (ExtraState.FAILED, "no")
    Task.objects.filter(pk=task.pk).update(state="dead")
    again = services.ask_for_download(film.video)
    assert again is not None
    assert again.state == ExtraState.PENDING
    assert Task.objects.filter(kind="processing.download").count() == 2
    assert not list(Path(settings.WORK_DIR).glob("extra-*"))


def test_a_video_that_is_ready_asks_for_its_pictures() -> None:
    job = convert(media.clip(seconds=1))
    assert make(Extra.objects.get(kind=ExtraKind.THUMBNAILS)) == services.thumbnails_of(job.video)


def test_pictures_to_seek_by(either_store: str) -> None:
    film = published()
    extra = make(services.ask_for_thumbnails(film))
    assert services.thumbnails_of(film.video) == extra
    text = content(film.video, extra.path).decode()
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n/media/")
    assert text.count("thumbnails.jpg?token=") == 2
    assert text.rstrip().endswith("#xywh=160,0,160,90")
    sprite = store.read_bytes(extra.path.replace(".vtt", ".jpg"))
    link = re.search(r"^(/media/\S+)#xywh", text, re.MULTILINE)
    assert link is not None
    answer = Client().get(link[1])
    if either_store == "s3":
        assert requests.get(answer.headers["Location"], timeout=20).content == sprite
    else:
        assert b"".join(answer.streaming_content) == sprite  # type: ignore[attr-defined]
    with av.open(io.BytesIO(sprite)) as picture:
        stream = picture.streams.video[0]
        assert (stream.width, stream.height) == (320, 90)


def test_sound_gets_no_pictures() -> None:
    assert services.ask_for_thumbnails(published("audio", picture=False)) is None


def test_the_video_was_deleted_while_its_film_was_made(film: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = services.ask_for_download(film.video)
    assert extra is not None
    real = services._put

    def deleted_meanwhile(local: Path, name: str) -> int:
        size = real(local, name)
        Publication.objects.all().delete()
        film.delete()
        Video.objects.filter(pk=film.video_id).delete()
        return size

    monkeypatch.setattr(services, "_put", deleted_meanwhile)
    kind_of("processing.download").body(Context(), extra=extra.pk)
    assert store.listed(film.video.public_id) == ([], [])


def test_its_working_folder_is_left_alone_while_it_may_be_in_use() -> None:
    with remux.workplace("1") as folder, remux.workplace("11") as another:
        reap_work()
        assert folder.is_dir()
        assert another.is_dir()
    assert not folder.exists()


def test_what_a_death_left_goes_with_the_next_run_or_when_it_is_old() -> None:
    settings.WORK_DIR.mkdir(parents=True)
    for name in ("extra-1-dead", "extra-2-dead", "extra-3-dead"):
        (settings.WORK_DIR / name).mkdir()
    os.utime(settings.WORK_DIR / "extra-2-dead", (0, 0))
    with remux.workplace("1"):
        reap_work()
    assert [path.name for path in settings.WORK_DIR.iterdir()] == ["extra-3-dead"]


@pytest.mark.parametrize(
    ("duration", "size", "every", "count", "grid", "picture"),
    [
        (1.0, (320, 180), 2, 1, (1, 1), (160, 90)),
        (21.0, (320, 180), 2, 11, (10, 2), (160, 90)),
        (200.0, (180, 320), 2, 100, (10, 10), (90, 160)),
        (201.0, (320, 180), 4, 51, (10, 6), (160, 90)),
        (4 * 3600.0, (3000, 20), 144, 100, (10, 10), (160, 2)),
    ],
)
def test_a_sheet_has_a_hundred_pictures_at_most(
    duration: float, size: tuple[int, int], every: int, count: int, grid: tuple[int, int], picture: tuple[int, int]
) -> None:
    sheet = sheet_for(duration_s=duration, width=size[0], height=size[1])
    assert (sheet.every_s, sheet.count, sheet.grid, (sheet.width, sheet.height)) == (every, count, grid, picture)
    text = as_vtt(sheet, duration_s=duration)
    assert text.count("-->") == count
    assert text.rstrip().splitlines()[-2].endswith(moment(duration))


def test_moments_are_written_as_webvtt_does() -> None:
    assert [moment(seconds) for seconds in (0, 59.9996, 3661.5, -1)] == ["00:00:00.000", "00:01:00.000", "01:01:01.500", "00:00:00.000"]
