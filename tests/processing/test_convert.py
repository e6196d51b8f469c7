"""Real files through the real engine."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from django.core.files.storage import default_storage

from processing.delivery import open_rendition
from processing.models import AttemptState, JobState, Publication, Rendition
from tests import media
from tests.processing.helpers import convert
from uploads.inspection.probe_child import examine
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


@pytest.mark.parametrize("share", [1.0, 0.7], ids=["whole", "cut off"])
def test_a_browsers_recording_becomes_a_playable_video_however_it_ended(share: float, tmp_path: Path) -> None:
    """Its pictures come unevenly, it says neither how long it is nor how many they are, and its last block may be half a one."""
    uneven = ("-vf", "select='not(mod(n\\,3))+gt(random(0)\\,0.5)'", "-fps_mode", "vfr", "-enc_time_base", "1/1000")
    options = (*uneven, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-live", "1")
    recording = media.cut(media.clip(seconds=6, suffix=".webm", options=options), tmp_path / "recording.webm", share=share)
    probed = examine(str(recording))
    job = convert(recording, probe=probed)
    assert (job.state, job.error_code) == (JobState.READY, "")
    assert job.attempts.get().state == AttemptState.SUCCEEDED, "at the first try"
    assert job.renditions.get().duration_s == pytest.approx(probed["duration_s"], abs=0.3)
    assert probed["duration_s"] > 6 * share - 1.5


@pytest.mark.parametrize("pictures", ["trim=end=1", "trim=end=2,setpts=PTS+3/TB"], ids=["they end early", "they begin late"])
def test_a_recording_of_a_busy_machine_with_few_pictures_is_no_broken_one(pictures: str) -> None:
    """Its camera came to nothing for most of the time; its sound is whole, and the last picture stays until the sound is over."""
    options = ("-vf", pictures, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-live", "1")
    recording = media.clip(seconds=5, width=160, height=90, suffix=".webm", options=options)
    probed = examine(str(recording))
    job = convert(recording, probe=probed)
    assert (job.state, job.error_code) == (JobState.READY, "")
    assert job.attempts.get().state == AttemptState.SUCCEEDED, "at the first try"
    assert job.renditions.get().duration_s == pytest.approx(probed["video"]["shown_s"], abs=0.5)


def test_a_player_that_opens_the_main_playlist_sees_the_whole_of_it() -> None:
    job = convert(media.clip(width=640, height=360))
    path = default_storage.path(Publication.objects.get(job=job).playlist)
    with av.open(path, options={"allowed_extensions": "ALL"}) as container:
        frames = sum(isinstance(frame, av.VideoFrame) for frame in container.decode())
    assert frames == 60
