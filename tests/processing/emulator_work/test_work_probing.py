"""Broken inputs get the codes the service gives them: at the prober, or at the transcoder when only it can tell."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from processing.emulator.work.codes import JobError
from processing.emulator.work.plan import plan
from processing.emulator.work.probing import examine
from processing.emulator.work.source import Source, check_codecs
from processing.emulator.work.transcode import Watching, transcode
from tests import media

from .jobs import group, h264, ladder, output, settings, sound

URL = "s3://in/film"
QUICK = ("-c:v", "libx264", "-preset", "ultrafast")


def _bytes(data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "x.mp4").write_bytes(data)
        return folder / "x.mp4"

    return write


def _changed(old: bytes, new: bytes) -> Callable[[Path], Path]:
    return lambda folder: _bytes(media.clip(seconds=1).read_bytes().replace(old, new))(folder)


def _cut(*, faststart: bool) -> Callable[[Path], Path]:
    return lambda folder: media.cut(media.clip(seconds=1, faststart=faststart), folder / "x.mp4", share=0.6)


def _encoded(suffix: str, *options: str) -> Callable[[Path], Path]:
    return lambda folder: media.clip(seconds=1, width=160, height=90, suffix=suffix, options=options)


def _no_frames(folder: Path) -> Path:
    media.ffmpeg("-i", str(media.clip(seconds=1)), "-t", "0", "-c", "copy", str(folder / "x.mp4"))
    return folder / "x.mp4"


NOISE = random.Random(1).randbytes(200_000)
BROKEN: dict[str, tuple[Callable[[Path], Path], int]] = {
    "cut short, index at the end": (_cut(faststart=False), 1075),
    "cut short, index first": (_cut(faststart=True), 1076),
    "cut short, matroska": (lambda folder: media.cut(_encoded(".mkv", *QUICK)(folder), folder / "x.mkv", share=0.6), 1076),
    "noise": (_bytes(NOISE), 1010),
    "zeros": (_bytes(bytes(200_000)), 1010),
    "empty": (_bytes(b""), 1010),
    "document": (_bytes(b"%PDF-1.4\n" + NOISE[:5_000]), 1010),
    "text": (_bytes(b"<html><body>" + b"hello world <p>" * 3_000), 1010),
    "picture": (lambda folder: media.picture(folder / "x.mp4"), 1010),
    "playlist": (_bytes(b"#EXTM3U\n#EXTINF:3,\n/etc/hostname\n#EXT-X-ENDLIST\n"), 1010),
    "sound only": (lambda folder: media.clip(seconds=1, video=False, suffix=".m4a"), 1020),
    "no frames": (_no_frames, 1020),
    "unknown codec": (_changed(b"avc1\0\0\0\0\0\0", b"zzzz\0\0\0\0\0\0"), 1030),
    "4:4:4": (_encoded(".mp4", *QUICK, "-pix_fmt", "yuv444p"), 1030),
    "ffv1": (_encoded(".mkv", "-c:v", "ffv1"), 1030),
    "no decoder configuration": (_changed(b"avcC", b"free"), 1075),
    "noise in the middle": (lambda folder: media.garbage(media.clip(seconds=1, faststart=True), folder / "x.mp4", at=0.5), 1999),
}


def _through(path: Path, folder: Path) -> Source:
    source = examine(path, url=URL)
    check_codecs(source, wants_video=True, wants_audio=True)
    wanted = plan(settings(ladder("s3://out/x", 90)), source)[0].outputs[0]
    transcode(wanted, source, path, folder / "made", Watching(lambda: None))
    return source


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_input_gets_its_code(name: str, tmp_path: Path) -> None:
    make, code = BROKEN[name]
    with pytest.raises(JobError) as failed:
        _through(make(tmp_path), tmp_path)
    assert failed.value.code == code, failed.value.message
    if code in (1010, 1020):
        assert URL in failed.value.message


@pytest.mark.parametrize(("suffix", "options"), [(".mov", ("-c:v", "prores_ks")), (".webm", ("-c:v", "libvpx", "-cpu-used", "8", "-deadline", "realtime"))])
def test_what_the_service_reads_is_read(suffix: str, options: tuple[str, ...], tmp_path: Path) -> None:
    source = _through(_encoded(suffix, *options)(tmp_path), tmp_path)
    assert source.duration_s == pytest.approx(1, abs=0.1)
    assert (source.width, source.height, len(source.sounds)) == (160, 90, 1)


def test_a_phones_picture_is_turned_as_its_owner_held_it(tmp_path: Path) -> None:
    media.ffmpeg("-display_rotation", "90", "-i", str(media.clip(seconds=1, width=160, height=90)), "-c", "copy", str(tmp_path / "x.mp4"))
    source = examine(tmp_path / "x.mp4", url=URL)
    assert source.rotation % 180 == 90
    sizes = {}
    for rotate, height in (("AUTO", 160), ("DEGREE_0", 90)):
        film = group("File", "s3://out/x", output("MP4", VideoDescription=h264(Height=height)))
        wanted = plan(settings(film, VideoSelector={"Rotate": rotate}), source)[0].outputs[0]
        made = transcode(wanted, source, tmp_path / "x.mp4", tmp_path / rotate, Watching(lambda: None))
        found = examine(tmp_path / rotate / "film.mp4", url=URL)
        assert abs(made.duration_ms - 1000) < 100
        sizes[rotate] = (found.width, found.height, found.rotation)
    assert sizes == {"AUTO": (90, 160, 0), "DEGREE_0": (160, 90, 0)}


def test_damaged_sound_has_a_code_of_its_own(tmp_path: Path) -> None:
    broken = media.garbage(media.clip(seconds=1, video=False, suffix=".m4a"), tmp_path / "x.m4a", at=0.4, share=0.2)
    source = examine(broken, url=URL)
    wanted = plan(settings(group("Hls", "s3://out/x", output("M3U8", AudioDescriptions=sound()))), source)[0].outputs[0]
    with pytest.raises(JobError) as failed:
        transcode(wanted, source, broken, tmp_path / "made", Watching(lambda: None))
    assert failed.value.code == 1092


def test_a_probe_that_dies_has_found_something_unreadable(tmp_path: Path) -> None:
    with pytest.raises(JobError) as failed:
        examine(media.clip(seconds=1), url=URL, run=lambda path: {"error": "died", "why": "-9"})
    assert failed.value.code == 1075
    with pytest.raises(JobError) as failed:
        examine(_bytes(NOISE)(tmp_path), url=URL, run=lambda path: {"error": "died", "why": "-9"})
    assert failed.value.code == 1010
