"""Broken files that got past inspection, or broke after it: what the local engine takes each for, and that none is shown as if it were whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from processing.models import AttemptState, JobState, Publication
from processing.services.look import look
from resilience.errors import CATALOGUE
from tests import media
from tests.processing.helpers import probe_of, run_next, submitted

pytestmark = pytest.mark.django_db(transaction=True)


def replaced(old: bytes, new: bytes) -> Callable[[Path], Path]:
    def make(target: Path) -> Path:
        data = media.clip(seconds=1).read_bytes()
        assert old in data
        target.write_bytes(data.replace(old, new))
        return target

    return make


def holding(data: bytes) -> Callable[[Path], Path]:
    def make(target: Path) -> Path:
        target.write_bytes(data)
        return target

    return make


def cut_before_its_index(target: Path) -> Path:
    return media.cut(media.clip(seconds=1), target, share=0.6)


def sound_alone(target: Path) -> Path:
    target.write_bytes(media.clip(seconds=1, video=False, suffix=".m4a").read_bytes())
    return target


NOISE = random.Random(7).randbytes(20_000)
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("make", "error_class", "code"),
    [
        pytest.param(cut_before_its_index, "input_truncated", "ENCODING_SOURCE_TRUNCATED", id="truncated-index-at-end"),
        pytest.param(holding(NOISE), "input_unreadable", "ENCODING_SOURCE_UNREADABLE", id="noise"),
        pytest.param(holding(bytes(20_000)), "input_unreadable", "ENCODING_SOURCE_UNREADABLE", id="zeros"),
        pytest.param(holding(b"%PDF-1.7\n" + NOISE), "input_unreadable", "ENCODING_SOURCE_UNREADABLE", id="pdf"),
        pytest.param(holding(b"<!doctype html><html><body>" + b"hello " * 3000), "input_unreadable", "ENCODING_SOURCE_UNREADABLE", id="html"),
        pytest.param(holding(PLAYLIST), "input_unreadable", "ENCODING_SOURCE_UNREADABLE", id="playlist"),
        pytest.param(media.picture, "input_unreadable", "ENCODING_SOURCE_UNREADABLE", id="picture"),
        pytest.param(sound_alone, "input_no_video", "ENCODING_NOTHING_TO_PLAY", id="sound-alone"),
        pytest.param(replaced(b"avc1", b"zzzz"), "input_codec", "ENCODING_FORMAT_UNSUPPORTED", id="unknown-codec"),
        pytest.param(replaced(b"avcC", b"free"), "input_corrupt", "ENCODING_SOURCE_CORRUPT", id="no-decoder-settings"),
    ],
)
def test_what_a_broken_file_is_taken_for(make: Callable[[Path], Path], error_class: str, code: str, tmp_path: Path) -> None:
    job, _attempt = submitted(make(tmp_path / "broken.mp4"), probe=probe_of(media.clip(seconds=1)))
    attempt = run_next(job)
    if not attempt.decision:
        look(attempt.public_id)
        attempt.refresh_from_db()
    assert (attempt.state, attempt.error_class, attempt.error_code) == (AttemptState.FAILED, error_class, code), attempt.error_raw
    if error_class == "input_corrupt":
        run_next(job)  # its lenient pass
    job.refresh_from_db()
    assert job.state == JobState.NEEDS_NEW_FILE
    assert not Publication.objects.exists()
    assert str(tmp_path) not in CATALOGUE.get(job.error_code).sentence(job.error_fields)
