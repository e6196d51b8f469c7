"""Real files through the real engine."""

from __future__ import annotations

import av
import pytest
from django.core.files.storage import default_storage

from processing.delivery import open_rendition
from processing.models import AttemptState, JobState, Publication, Rendition
from tests import media
from tests.processing.helpers import convert
from uploads.models import VideoState

pytestmark = pytest.mark.django_db(transaction=True)


def segment_of(rendition: Rendition, number: int = 0) -> str:
    return default_storage.path(f"{rendition.path.rpartition('/')[0]}/{number:05}.ts")


def test_a_clip_becomes_a_playable_video() -> None:
    job = convert(media.clip(width=640, height=360))
    assert job.state == JobState.READY
    assert (job.error_code, job.percent) == ("", 100.0)
    assert job.video.state == VideoState.READY
    publication = Publication.objects.get(video=job.video)
    assert publication.complete
    with open_rendition(job.video, publication.playlist.partition("/")[2]).file as file:
        text = file.read().decode()
    assert "RESOLUTION=640x360" in text
    assert 'CODECS="avc1.64' in text
    rendition = job.renditions.get()
    assert rendition.duration_s == pytest.approx(2.0, abs=0.1)
    with av.open(segment_of(rendition)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 60
    assert default_storage.exists(publication.poster)
    assert job.attempts.get().state == AttemptState.SUCCEEDED


def test_a_player_that_opens_the_main_playlist_sees_the_whole_of_it() -> None:
    job = convert(media.clip(width=640, height=360))
    path = default_storage.path(Publication.objects.get(job=job).playlist)
    with av.open(path, options={"allowed_extensions": "ALL"}) as container:
        frames = sum(isinstance(frame, av.VideoFrame) for frame in container.decode())
    assert frames == 60
