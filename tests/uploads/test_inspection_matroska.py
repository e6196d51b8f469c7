"""Recordings of browsers: WebM and Matroska that say neither their length nor their end."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from tests import media
from tests.uploads.inspecting import Give, examine, refused
from uploads.inspection.boxes import Walk
from uploads.inspection.ebml import walk_elements
from uploads.models import SessionState

pytestmark = pytest.mark.django_db
LIVE = ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-live", "1")  # as browsers record: no length, no index, sizes left open


def test_a_recording_that_does_not_say_how_long_it_is_is_measured(give: Give) -> None:
    recording = media.clip(suffix=".webm", options=LIVE)
    assert b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" in recording.read_bytes()[:200], "a segment of unknown size"
    session = examine(give(recording, name="recording.webm"))
    assert (session.state, session.error_code) == (SessionState.ACCEPTED, "")
    assert session.video.duration_s == pytest.approx(2, abs=0.1)
    assert session.probe["video"]["fps"] == pytest.approx(30, abs=2)
    assert session.probe["measured"] is True


def test_a_recording_of_sound_alone_is_measured(give: Give, tmp_path: Path) -> None:
    media.ffmpeg("-i", str(media.clip()), "-vn", "-c:a", "libopus", "-live", "1", str(tmp_path / "sound.webm"))
    session = examine(give(tmp_path / "sound.webm", name="sound.webm"))
    assert (session.video.media_kind, session.video.duration_s) == ("audio", pytest.approx(2, abs=0.1))


def test_a_recording_cut_anywhere_plays_up_to_there(give: Give, tmp_path: Path) -> None:
    """Nothing says how long it was to be: its maker's battery died, and what there is can be watched."""
    session = examine(give(media.cut(media.clip(suffix=".webm", options=LIVE), tmp_path / "recording.webm", share=0.5)))
    assert session.state == SessionState.ACCEPTED
    assert 0.3 < session.video.duration_s < 1.7


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_a_matroska_copy_cut_short_is_told_by_its_sizes(give: Give, tmp_path: Path, suffix: str, share: float) -> None:
    whole = media.clip(suffix=suffix, options=("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"))
    assert refused(give(media.cut(whole, tmp_path / f"film{suffix}", share=share))) == "UPLOAD_TRUNCATED"


@pytest.mark.parametrize(
    ("content", "walk"),
    [
        (b"\x1aE\xdf\xa3", Walk.CUT_SHORT),
        (b"\x1aE\xdf\xa3\x80", Walk.EMPTY),
        (b"\x1aE\xdf\xa3\x80\x18S\x80g\x01" + b"\xff" * 7 + b"\xec\x84abcd", Walk.EMPTY),
        (b"\x1aE\xdf\xa3\x80\x18S\x80g\x81\xec\x84abcdefgh", Walk.EMPTY),
        (b"\x1aE\xdf\xa3\x80\x18S\x80g\xff\x1fC\xb6u\xff" + b"\x00" * 20, Walk.WHOLE),
        (b"\x1aE\xdf\xa3\x80" + b"\x00" * 100, Walk.NOT_BOXES),
        (b"\x1aE\xdf\xa3\x80\xec\xff" + b"\x00" * 100, Walk.NOT_BOXES),
        (b"\x1aE\xdf\xa3\x80\x1fC\xb6u\xff" + b"\x00" * 100, Walk.NOT_BOXES),
        (b"\x1aE\xdf\xa3\x80" + b"\xec\x80" * 100_000, Walk.NOT_BOXES),
    ],
)
def test_elements_are_walked_to_the_first_cluster(content: bytes, walk: Walk) -> None:
    assert walk_elements(io.BytesIO(content), size=len(content)) is walk


@pytest.mark.parametrize("seed", range(30))
def test_the_walk_ends_on_any_bytes(seed: int) -> None:
    junk = b"\x1aE\xdf\xa3" + random.Random(seed).randbytes(5000)
    assert walk_elements(io.BytesIO(junk), size=len(junk)) in Walk
