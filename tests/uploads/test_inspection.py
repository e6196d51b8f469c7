"""Every kind of file ends where it should: accepted for what it is, or refused in its own words."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resilience.errors import CATALOGUE
from resilience.models import Task
from resilience.tasks import enqueue
from resilience.tasks.runner import run_due
from tests import media
from tests.uploads.inspecting import Give, examine, refused
from uploads.inspection import probe as probing
from uploads.models import SessionState, UploadSession, VideoState
from uploads.services import inspect
from uploads.signals import source_accepted, source_refused
from uploads.store import store

pytestmark = pytest.mark.django_db


@pytest.fixture
def told() -> Iterator[list[str]]:
    heard: list[str] = []

    def accepted(session: UploadSession, **_: Any) -> None:
        heard.append("accepted")

    def refused(session: UploadSession, **_: Any) -> None:
        heard.append("refused")

    source_accepted.connect(accepted)
    source_refused.connect(refused)
    yield heard
    source_accepted.disconnect(accepted)
    source_refused.disconnect(refused)


def test_a_clip_is_accepted_with_what_is_in_it(give: Give, told: list[str]) -> None:
    source = media.clip()
    session = examine(give(source))
    assert session.state == SessionState.ACCEPTED
    assert session.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert session.probe["container"].startswith("mov,mp4")
    assert session.probe["duration_s"] == pytest.approx(2, abs=0.1)
    assert session.probe["size"] == source.stat().st_size
    picture, sound = session.probe["video"], session.probe["audio"]
    assert (picture["codec"], picture["width"], picture["height"], picture["fps"], picture["rotation"]) == ("h264", 320, 180, 30, 0)
    assert sound["codec"] == "aac"
    assert sound["rate"] == 44100
    assert (session.video.width, session.video.height, session.video.media_kind) == (320, 180, "video")
    assert session.video.duration_s == session.probe["duration_s"]
    assert told == ["accepted"]


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mov", ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")),
        (".mkv", ("-c:v", "libx264", "-preset", "ultrafast")),
        (".webm", ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus")),
        (".avi", ("-c:v", "mpeg4", "-c:a", "mp3")),
        (".ts", ("-c:v", "libx264", "-preset", "ultrafast", "-f", "mpegts")),
        (".mp4", ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p")),
        (".mp4", ("-c:v", "libx264", "-preset", "ultrafast", "-movflags", "frag_keyframe+empty_moov")),
        (".mp4", ("-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart")),
    ],
    ids=["mov", "mkv", "webm", "avi", "ts", "4:4:4", "fragmented", "faststart"],
)
def test_every_container_we_name_is_accepted(give: Give, suffix: str, options: tuple[str, ...]) -> None:
    session = examine(give(media.clip(suffix=suffix, options=options), name=f"film{suffix}"))
    assert (session.state, session.error_code) == (SessionState.ACCEPTED, "")
    assert session.probe["video"]["width"] == 320


LIVE = ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-live", "1")  # as browsers record: no length, no index, sizes left open


@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".ogg", ".m4a", ".flac"])
def test_audio_is_accepted_as_audio(give: Give, suffix: str) -> None:
    session = examine(give(media.clip(video=False, suffix=suffix), name=f"song{suffix}"))
    assert session.state == SessionState.ACCEPTED
    assert session.probe["video"] is None
    assert session.video.media_kind == "audio"
    assert session.video.width is None


def test_a_cover_picture_is_no_video(give: Give, tmp_path: Path) -> None:
    cover = media.picture(tmp_path / "cover.png")
    song = tmp_path / "song.mp3"
    media.ffmpeg("-i", str(media.clip(video=False, suffix=".mp3")), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy", str(song))
    session = examine(give(song, name="song.mp3"))
    assert session.probe["video"] is None
    assert session.video.media_kind == "audio"


def test_a_turned_phone_video_is_as_wide_as_it_is_watched(give: Give, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    media.ffmpeg("-display_rotation", "90", "-i", str(media.clip()), "-c", "copy", str(turned))
    session = examine(give(turned))
    assert session.probe["video"]["rotation"] in (90, 270)
    assert (session.video.width, session.video.height) == (180, 320)


def test_an_mp4_without_its_index_is_cut_short(give: Give, tmp_path: Path) -> None:
    assert refused(give(media.cut(media.clip(), tmp_path / "cut.mp4", share=0.6))) == "UPLOAD_TRUNCATED"


def test_a_faststart_mp4_without_its_end_is_cut_short(give: Give, tmp_path: Path) -> None:
    assert refused(give(media.cut(media.clip(faststart=True), tmp_path / "cut.mp4", share=0.6))) == "UPLOAD_TRUNCATED"


def test_a_matroska_file_without_its_end_still_plays_and_is_accepted_or_called_cut(give: Give, tmp_path: Path) -> None:
    whole = media.clip(seconds=10, suffix=".mkv", fps=10, options=("-c:v", "libx264", "-preset", "ultrafast", "-g", "10"))
    assert refused(give(media.cut(whole, tmp_path / "cut.mkv", share=0.5), name="cut.mkv")) == "UPLOAD_TRUNCATED"


def test_a_web_page_named_mp4_is_called_a_text_file(give: Give) -> None:
    page = b"<!doctype html><html><body>" + b"<p>Not found</p>" * 500 + b"</body></html>"
    session = give(page)
    assert refused(session) == "UPLOAD_IS_TEXT"
    assert CATALOGUE.get(session.error_code).sentence(session.error_fields).startswith("This is a text file named film.mp4.")


def test_a_picture_named_mp4_is_called_a_picture(give: Give, tmp_path: Path, told: list[str]) -> None:
    assert refused(give(media.picture(tmp_path / "picture.mp4"))) == "UPLOAD_IS_PICTURE"
    assert told == ["refused"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"%PDF-1.7\n" + bytes(5000), "UPLOAD_IS_DOCUMENT"),
        (b"PK\x03\x04" + bytes(5000), "UPLOAD_IS_DOCUMENT"),
        (bytes(200_000), "UPLOAD_NOT_MEDIA"),
        (hashlib.shake_256(b"junk").digest(200_000), "UPLOAD_NOT_MEDIA"),
        (b"", "UPLOAD_EMPTY"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:6\nfile:///etc/passwd\n", "UPLOAD_IS_TEXT"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00" + bytes(500), "UPLOAD_IS_PICTURE"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\x00\x00\x00\x08free", "UPLOAD_NO_TRACKS"),
        (b"\x1aE\xdf\xa3" + hashlib.shake_256(b"webm").digest(50_000), "UPLOAD_UNREADABLE"),
    ],
    ids=["pdf", "zip", "zeros", "random", "empty", "playlist", "heic", "no index, no data", "broken matroska"],
)
def test_what_is_no_media_is_refused_for_what_it_is(give: Give, content: bytes, code: str) -> None:
    assert refused(give(content)) == code


def test_a_file_that_plays_too_long_is_refused(give: Give, settings: Any) -> None:
    settings.MAX_DURATION_SECONDS = 1.0
    session = give(media.clip())
    assert refused(session) == "UPLOAD_TOO_LONG"
    assert session.error_fields["duration_text"] == "2 s"


def test_with_any_content_allowed_a_text_is_kept_and_nobody_converts_it(give: Give, settings: Any, told: list[str]) -> None:
    settings.UPLOAD_ACCEPT = "*"
    session = examine(give(b"just words", name="words.txt"))
    assert session.state == SessionState.ACCEPTED
    assert session.sha256 == hashlib.sha256(b"just words").hexdigest()
    assert told == []
    assert store().path(session.storage_key).exists()


def test_with_any_content_allowed_media_is_still_converted(give: Give, settings: Any, told: list[str]) -> None:
    settings.UPLOAD_ACCEPT = "*"
    examine(give(media.clip()))
    assert told == ["accepted"]


def test_inspecting_twice_tells_once(give: Give, told: list[str]) -> None:
    session = give(media.clip())
    examine(session)
    examine(session)
    assert told == ["accepted"]


def test_bytes_lost_after_they_arrived_make_the_session_corrupt(give: Give) -> None:
    session = give(media.clip())
    with store().path(session.storage_key).open("r+b") as stored:
        stored.truncate(100)
    examine(session)
    assert session.state == SessionState.CORRUPT
    assert session.video.error_code == "UPLOAD_CORRUPT"


def test_a_run_that_lost_its_lease_writes_nothing(give: Give, told: list[str]) -> None:
    session = give(media.clip())
    inspect.inspect_upload(session.public_id, attempt=1, stopped=lambda: True)
    session.refresh_from_db()
    assert session.state == SessionState.RECEIVED
    assert told == []


def test_a_probe_that_hangs_is_killed_in_time_and_tried_again(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    session = give(media.clip())

    def hang(command: list[str], **options: Any) -> Any:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(probing.subprocess, "run", hang)
    with pytest.raises(inspect.ChecksDelayed):
        inspect.inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
    session.refresh_from_db()
    assert session.state == SessionState.RECEIVED
    assert examine(session, attempt=3).error_code == "UPLOAD_UNREADABLE"


def test_the_probe_child_really_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(probing.ProbeKilled, match="no answer"):
        probing.probe(media.clip(), seconds=0.01)


def test_the_durable_task_does_it(give: Give) -> None:
    session = give(media.clip())
    enqueue("uploads.inspect", key=session.public_id, payload={"session_id": session.public_id})
    run_due(limit=1)
    session.refresh_from_db()
    assert session.state == SessionState.ACCEPTED


def test_an_inspection_that_cannot_be_done_is_told_as_our_fault(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    session = give(media.clip())
    task = enqueue("uploads.inspect", key=session.public_id, payload={"session_id": session.public_id})
    assert task is not None
    inspect.give_up(session.public_id)
    session.video.refresh_from_db()
    assert (session.video.state, session.video.error_code) == (VideoState.FAILED, "UPLOAD_CHECK_FAILED")
    assert store().path(session.storage_key).exists()
    assert Task.objects.filter(pk=task.pk).exists()
