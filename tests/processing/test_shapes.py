"""Every shape of source a person may have ends as something every player takes."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from django.core.files.storage import default_storage

from processing.models import Job, JobState, Publication
from tests import media
from tests.processing.helpers import convert

pytestmark = pytest.mark.django_db(transaction=True)

X264 = ("-c:v", "libx264", "-preset", "ultrafast")


def shown(job: Job) -> tuple[str, int, int, int, int, str]:
    """Return rung, width, height, pictures, blocks of sound and pixel format of a job's only rendition, decoded in full."""
    assert job.state == JobState.READY, list(job.attempts.values_list("error_raw", flat=True))
    assert job.error_code == ""
    rendition = job.renditions.get()
    folder = Path(default_storage.path(rendition.path)).parent
    frames, sounds, pixels = 0, 0, ""
    for segment in sorted(folder.glob("*.ts")):
        with av.open(str(segment)) as container:
            for frame in container.decode():
                if isinstance(frame, av.VideoFrame):
                    frames, pixels = frames + 1, frame.format.name
                    assert (frame.width, frame.height) == (rendition.width, rendition.height)
                else:
                    sounds += 1
    return rendition.rung, rendition.width or 0, rendition.height or 0, frames, sounds, pixels


def test_sound_only_gets_one_audio_rendition() -> None:
    job = convert(media.clip(video=False, suffix=".m4a"))
    rung, width, height, frames, sounds, _ = shown(job)
    assert (rung, width, height, frames) == ("audio", 0, 0, 0)
    assert sounds >= 2 * 44_100 // 1024 - 2
    rendition = job.renditions.get()
    assert rendition.codecs == "mp4a.40.2"
    assert Publication.objects.get(job=job).poster == ""


def test_a_picture_without_sound() -> None:
    rung, _, _, frames, sounds, _ = shown(convert(media.clip(audio=False)))
    assert (rung, frames, sounds) == ("180p", 60, 0)


@pytest.mark.parametrize(
    "options", [(*X264, "-pix_fmt", "yuv444p"), ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none")]
)
def test_rare_pixels_become_common_ones(options: tuple[str, ...]) -> None:
    assert shown(convert(media.clip(options=options)))[3:] == (60, pytest.approx(88, abs=8), "yuv420p")


def test_an_odd_size_becomes_even() -> None:
    job = convert(media.clip(width=321, height=181, options=(*X264, "-pix_fmt", "yuv444p")))
    assert shown(job)[:4] == ("180p", 320, 180, 60)


def test_a_turned_phone_video_stands_upright(tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    media.ffmpeg("-display_rotation", "90", "-i", str(media.clip()), "-c", "copy", str(turned))
    assert shown(convert(turned))[:4] == ("180p", 180, 320, 60)


def test_more_than_sixty_pictures_a_second_are_thinned_out() -> None:
    assert shown(convert(media.clip(fps=120, seconds=1)))[3] == pytest.approx(60, abs=2)


def test_an_uneven_frame_rate_keeps_its_pictures(tmp_path: Path) -> None:
    uneven = tmp_path / "uneven.mkv"
    media.ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=2", "-vf", "select='lt(n,20)+not(mod(n,3))'",
        "-fps_mode", "vfr", *X264, "-pix_fmt", "yuv420p", str(uneven),
    )  # fmt: skip
    assert shown(convert(uneven))[3] == 33


def test_a_cover_picture_does_not_make_sound_a_video(tmp_path: Path) -> None:
    cover, song = media.picture(tmp_path / "cover.png"), tmp_path / "song.m4a"
    media.ffmpeg(
        "-i",
        str(media.clip(video=False, suffix=".m4a")),
        "-i",
        str(cover),
        "-map",
        "0:a",
        "-map",
        "1:v",
        "-c",
        "copy",
        "-disposition:v:0",
        "attached_pic",
        str(song),
    )
    probe = {"container": "mp4", "duration_s": 2.0, "size": song.stat().st_size, "video": None, "audio": {"codec": "aac", "channels": 1, "rate": 44100}}
    assert shown(convert(song, probe=probe))[0] == "audio"


def test_sound_that_goes_on_after_the_picture_is_no_damage(tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"
    media.ffmpeg("-i", str(media.clip(audio=False)), "-f", "lavfi", "-i", "sine=duration=5", "-c:v", "copy", str(long))
    assert shown(convert(long))[3] == 60


def test_two_rungs_are_cut_at_the_same_moments() -> None:
    job = convert(media.clip(seconds=7, width=854, height=480, fps=10))
    assert [one.rung for one in job.renditions.order_by("bitrate")] == ["360p", "480p"]
    cuts = []
    for rendition in job.renditions.all():
        with default_storage.open(rendition.path) as file:
            cuts.append([line for line in file.read().decode().splitlines() if line.startswith("#EXTINF")])
    assert cuts[0] == cuts[1]
    assert len(cuts[0]) == 2
    publication = Publication.objects.get(job=job)
    with default_storage.open(publication.playlist) as file:
        listed = [line for line in file.read().decode().splitlines() if line.endswith("index.m3u8")]
    assert [name.split("/")[1] for name in listed] == ["360p", "480p"]


def test_what_the_file_says_about_its_maker_is_not_published(tmp_path: Path) -> None:
    named = tmp_path / "named.mp4"
    media.ffmpeg("-i", str(media.clip()), "-c", "copy", "-metadata", "title=secret-place", "-metadata", "location=+48.85+002.35/", str(named))
    job = convert(named)
    folder = Path(default_storage.path(job.renditions.get().path)).parent
    assert all(b"secret-place" not in path.read_bytes() for path in folder.iterdir())
