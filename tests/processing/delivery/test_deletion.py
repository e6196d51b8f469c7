"""A video that is deleted is gone everywhere: its source, what every attempt made of it, and what came afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from processing import store
from processing.captions.models import Caption
from processing.extras.models import Extra
from processing.models import Job, Publication
from processing.services import outputs
from resilience.circuits import CircuitOpen
from resilience.models import Task
from resilience.tasks.registry import kind_of
from tests.factories import make_session, make_video
from tests.processing.helpers import Context
from tests.renditions import use
from tests.s3 import FakeS3
from uploads.models import RemoteFile, SessionState, UploadSession, Video
from uploads.services.delete import delete_video

pytestmark = pytest.mark.django_db


@pytest.fixture
def buckets(s3: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeS3, FakeS3]:
    """Uploads in one bucket, renditions in another, both empty."""
    return s3, use(s3, settings, monkeypatch)


def video_with_everything(uploads: FakeS3) -> Video:
    """Two files of which the first was refused, two attempts, a poster, pictures, a film to save, captions; and a multipart upload left open."""
    video = make_video()
    for number in range(2):
        session = make_session(video=video, length=5, committed=5, state=SessionState.ACCEPTED)
        UploadSession.objects.filter(pk=session.pk).update(storage_key=session.public_id)
        name = f"uploads/{session.public_id}/file"
        uploads.client.put_object(Bucket=uploads.bucket, Key=name, Body=b"bytes")
        RemoteFile.objects.create(session=session, part_size=2**20, object_key=name)
        job = Job.objects.create(video=video, source=session, state="dead" if number == 0 else "ready", engines=["local"])
        for attempt in ("att_1", "att_2"):
            for file in ("360p/index.m3u8", "360p/00000.ts", "360p/film.mp4", "360p/thumbnails.jpg", "360p/thumbnails.vtt", "poster.jpg"):
                store.put_text(f"{video.public_id}/{job.public_id}/{attempt}/{file}", "x")
        Extra.objects.create(video=video, kind="download", path=f"{video.public_id}/{job.public_id}/att_1/360p/film.mp4")
        Caption.objects.create(video=video, source=session, engine="transcribe", external_id=f"work-{number}", path=f"{video.public_id}/captions/c/1.vtt")
    store.put_text(f"{video.public_id}/captions/c/1.vtt", "WEBVTT")
    Publication.objects.create(video=video, job=job, playlist=f"{video.public_id}/{job.public_id}/main.m3u8")
    return video


def run(kind: str) -> None:
    for task in Task.objects.filter(kind=kind):
        kind_of(kind).body(Context(), **task.payload)


def test_both_buckets_list_nothing_afterwards(buckets: tuple[FakeS3, FakeS3]) -> None:
    uploads, renditions = buckets
    video = video_with_everything(uploads)
    renditions.client.create_multipart_upload(Bucket=renditions.bucket, Key=f"renditions/{video.public_id}/large.mp4")
    assert len(uploads.objects()) == 2
    assert len(renditions.objects()) == 25
    delete_video(video)
    run("processing.delete_outputs")
    assert uploads.objects() == renditions.objects() == {}
    assert uploads.multiparts() == renditions.multiparts() == []
    assert not Extra.objects.exists()
    assert not Caption.objects.exists()
    assert set(Task.objects.filter(kind="processing.forget_caption").values_list("key", flat=True)) == {"work-0", "work-1"}


def test_the_videos_of_others_stay(buckets: tuple[FakeS3, FakeS3]) -> None:
    uploads, renditions = buckets
    mine, theirs = video_with_everything(uploads), video_with_everything(uploads)
    delete_video(mine)
    run("processing.delete_outputs")
    assert len(uploads.objects()) == 2
    assert len(renditions.objects(f"renditions/{theirs.public_id}/")) == len(renditions.objects()) == 25


def test_while_the_bucket_is_away_the_task_waits_and_then_does_it(buckets: tuple[FakeS3, FakeS3], settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads, renditions = buckets
    video = video_with_everything(uploads)
    monkeypatch.setattr("processing.storage_s3.TRIES", 1)
    delete_video(video)
    settings.S3_ENDPOINT_URL = "http://127.0.0.1:9"
    with pytest.raises(CircuitOpen):  # snoozed: no try is spent
        run("processing.delete_outputs")
    settings.S3_ENDPOINT_URL = renditions.url
    run("processing.delete_outputs")
    assert renditions.objects() == {}


def test_what_is_written_after_the_deletion_is_found(either_store: str) -> None:
    """By a worker that was cut off and lived, by an engine elsewhere that was told too late, or left by a task that was given up."""
    kept, gone = make_video(), make_video()
    for video in (kept, gone):
        store.put_text(f"{video.public_id}/job/att/360p/00000.ts", "x")
    Video.objects.filter(pk=gone.pk).delete()
    assert outputs.reap_deleted(dry_run=True) == 1
    assert outputs.reap_deleted() == 1
    assert list(store.owners()) == [kept.public_id]
    assert outputs.reap_deleted() == 0


def test_what_is_not_ours_is_left_alone(either_store: str) -> None:
    for name in ("backup/x.ts", "vid_short/x.ts", "VID_0123456789abcdefghjk/x.ts", "vid_0123456789abcdefghjkk/x.ts"):
        store.put_text(name, "x")
    assert outputs.reap_deleted() == 0
    assert len(list(store.owners())) == 4


def test_a_video_that_is_there_keeps_what_it_has(tmp_path: Path) -> None:
    video = make_video()
    store.put_text(f"{video.public_id}/job/main.m3u8", "x")
    assert outputs.delete_outputs(video.public_id) == 0
    assert store.listed(f"{video.public_id}/job")[1]
