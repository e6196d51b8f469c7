"""What holds of the rendition store wherever it is, and what becomes of a conversion while it is away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from processing import storage_s3, store
from processing.delivery_errors import RenditionsAway
from processing.engines.base import Stopped
from processing.models import AttemptState, JobState, Publication
from resilience.circuits import CircuitOpen
from tests import media
from tests.processing.helpers import convert, run_next, submitted
from tests.s3 import FakeS3

pytestmark = pytest.mark.django_db

NOBODY = "http://127.0.0.1:9"  # the port of `discard`: nobody listens


@pytest.fixture
def away(renditions_in_s3: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    """A store nobody answers for, which says so at once."""
    monkeypatch.setattr(storage_s3, "TRIES", 1)
    monkeypatch.setattr(storage_s3, "_connections", {})
    settings.S3_ENDPOINT_URL = NOBODY
    return renditions_in_s3


def written(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_files_are_put_listed_read_and_deleted(either_store: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "made", "index.m3u8", "00000.ts", "00001.ts")
    assert store.put_folder(folder, "vid/job/att/360p", last="index.m3u8") == 26
    assert list(folder.iterdir()) == []
    store.put_text("vid/job/main.m3u8", "#EXTM3U")
    store.put_text("vid/job/main.m3u8", "#EXTM3U")
    assert store.listed("vid/job") == (["vid/job/att"], ["vid/job/main.m3u8"])
    assert sorted(store.listed("vid/job/att/360p")[1]) == [f"vid/job/att/360p/{name}" for name in ("00000.ts", "00001.ts", "index.m3u8")]
    assert store.read_text("vid/job/main.m3u8") == "#EXTM3U"
    with (tmp_path / "all").open("wb+") as target:
        for name in ("00000.ts", "00001.ts"):
            store.copy_to(f"vid/job/att/360p/{name}", target)
        target.seek(0)
        assert target.read() == b"00000.ts00001.ts"
    assert list(store.owners()) == ["vid"]
    assert store.delete_tree("vid/job/att/360p") == 3
    assert store.delete_tree("vid") == 1
    assert store.delete_tree("vid") == 0
    assert list(store.owners()) == []


def test_what_is_not_there(either_store: str) -> None:
    assert store.listed("none") == ([], [])
    assert not default_storage.exists("none/x.ts")
    with pytest.raises(FileNotFoundError):
        store.read_text("none/x.m3u8")


def test_one_folder_is_not_the_beginning_of_anothers_name(either_store: str) -> None:
    for video in ("vid_1", "vid_12"):
        store.put_text(f"{video}/main.m3u8", "#EXTM3U")
    assert store.delete_tree("vid_1") == 1
    assert list(store.owners()) == ["vid_12"]


def test_a_file_in_s3_says_what_it_is(renditions_in_s3: FakeS3) -> None:
    for name in ("a/main.m3u8", "a/0.ts"):
        store.put_text(name, "x")
    found = {name: renditions_in_s3.client.head_object(Bucket=renditions_in_s3.bucket, Key=f"renditions/{name}") for name in ("a/main.m3u8", "a/0.ts")}
    assert {name: one["ContentType"] for name, one in found.items()} == {"a/main.m3u8": "application/vnd.apple.mpegurl", "a/0.ts": "video/mp2t"}
    assert found["a/0.ts"]["CacheControl"] == "private, max-age=31536000, immutable"


def test_pieces_of_a_file_that_never_became_one_go_with_its_folder(renditions_in_s3: FakeS3) -> None:
    for name in ("vid_1/large.mp4", "vid_2/large.mp4"):
        renditions_in_s3.client.create_multipart_upload(Bucket=renditions_in_s3.bucket, Key=f"renditions/{name}")
    assert store.delete_tree("vid_1") == 0
    assert len(renditions_in_s3.multiparts()) == 1


def test_more_than_one_request_can_delete_goes_in_several(renditions_in_s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processing.storage_s3.BATCH", 2)
    for number in range(5):
        store.put_text(f"vid/{number}.ts", "x")
    assert store.delete_tree("vid") == 5
    assert renditions_in_s3.objects() == {}


def test_a_store_that_is_away_is_told_apart_from_a_file_that_is_gone(away: FakeS3) -> None:
    for ask in (lambda: default_storage.exists("a"), lambda: store.read_text("a.m3u8"), lambda: store.listed("a"), lambda: store.delete_tree("a")):
        with pytest.raises(RenditionsAway):
            ask()


def test_a_bucket_that_is_not_there_is_a_store_that_is_away(renditions_in_s3: FakeS3) -> None:
    renditions_in_s3.client.delete_bucket(Bucket=renditions_in_s3.bucket)
    with pytest.raises(RenditionsAway):
        store.put_text("a/main.m3u8", "x")


def test_after_some_failures_it_is_left_alone(away: FakeS3) -> None:
    kinds = []
    for _ in range(12):
        with pytest.raises(CircuitOpen) as caught:
            default_storage.exists("a")
        kinds.append(type(caught.value))
    assert kinds[0] is RenditionsAway
    assert kinds[-1] is CircuitOpen


def test_what_is_made_waits_for_a_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments first, the playlist last, each of them once, however often the store was away between."""
    monkeypatch.setattr(store, "LOOK_SECONDS", 0.0)
    real, put, looks = store.put_file, [], []

    def away_every_other_time(local: Path, name: str) -> None:
        put.append(name)
        if len(put) % 2:
            raise RenditionsAway(circuit="renditions", retry_after=0.1)
        real(local, name)

    monkeypatch.setattr(store, "put_file", away_every_other_time)
    folder = written(tmp_path / "made", "index.m3u8", "00000.ts", "00001.ts")
    assert store.put_folder(folder, f"vid-waits-{tmp_path.name}", last="index.m3u8", check=lambda: looks.append(1)) == 26
    assert [name.rpartition("/")[2] for name in put[::2]] == ["00000.ts", "00001.ts", "index.m3u8"]
    assert looks
    assert len(store.listed(f"vid-waits-{tmp_path.name}")[1]) == 3


def test_nobody_waits_who_is_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(local: Path, name: str) -> None:
        raise RenditionsAway(circuit="renditions", retry_after=0.1)

    def stop() -> None:
        raise Stopped("the lease is lost")

    monkeypatch.setattr(store, "put_file", away)
    folder = written(tmp_path / "made", "index.m3u8")
    with pytest.raises(Stopped):
        store.put_folder(folder, "vid", last="index.m3u8", check=stop)
    with pytest.raises(RenditionsAway):
        store.put_folder(folder, "vid", last="index.m3u8")


def test_a_conversion_into_s3(renditions_in_s3: FakeS3) -> None:
    job = convert(media.clip(seconds=1))
    assert job.state == JobState.READY
    publication = Publication.objects.get(video=job.video)
    names = {name.removeprefix("renditions/") for name in renditions_in_s3.objects()}
    assert {publication.playlist, publication.poster, job.renditions.get().path} <= names
    assert all(name.startswith(f"{job.video.public_id}/{job.public_id}/") for name in names)


def test_a_job_waits_for_its_store_and_loses_nothing(away: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PATIENCE_SECONDS", 0.0)
    job, _ = submitted(media.clip(seconds=1))
    with pytest.raises(CircuitOpen):  # what snoozes the task
        run_next(job)
    job.refresh_from_db()
    assert job.state in (JobState.QUEUED, JobState.RUNNING)
    assert job.error_code == ""
    assert away.objects() == {}
    settings.S3_ENDPOINT_URL = away.url
    run_next(job)
    assert list(job.attempts.values_list("number", "state")) == [(1, AttemptState.LOST), (2, AttemptState.SUCCEEDED)]
    job.refresh_from_db()
    assert job.state == JobState.READY
