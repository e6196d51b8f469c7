"""What people really send: each ends within seconds in the right words or a playable result, in page, API and console alike."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from resilience.errors import CATALOGUE
from tests.media import clip, cut, picture
from tests.stack.client import Upload
from tests.stack.system import System, wait_for

pytestmark = pytest.mark.stack


def cut_at_the_end(folder: Path) -> Path:
    return cut(clip(seconds=4), folder / "no-index.mp4", share=0.6)


def cut_after_the_index(folder: Path) -> Path:
    return cut(clip(seconds=4, faststart=True), folder / "faststart.mp4", share=0.6)


def text(folder: Path) -> Path:
    (folder / "letter.mp4").write_text("Dear all,\n" * 500)
    return folder / "letter.mp4"


def page(folder: Path) -> Path:
    (folder / "page.mp4").write_text("<!doctype html><html><body>" + "<p>Hello</p>" * 500)
    return folder / "page.mp4"


def png(folder: Path) -> Path:
    return picture(folder / "photo.mp4")


def sound(folder: Path) -> Path:
    return Path(shutil.copy(clip(video=False, suffix=".mp3"), folder / "song.mp3"))


def yuv444(folder: Path) -> Path:
    options = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p", "-profile:v", "high444")
    return Path(shutil.copy(clip(options=options), folder / "444.mp4"))


@pytest.fixture(scope="module")
def browser(system: System) -> requests.Session:
    """A signed-in person, who is also staff."""
    session = requests.Session()
    session.headers["Accept"] = "text/html"
    form = session.get(f"{system.url}/accounts/login/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token is not None
    answer = session.post(f"{system.url}/accounts/login/", data={"csrfmiddlewaretoken": token[1], "login": system.email, "password": system.password})
    assert answer.status_code == 200
    assert "sessionid" in session.cookies
    return session


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (cut_at_the_end, "UPLOAD_TRUNCATED"),
        (cut_after_the_index, "UPLOAD_TRUNCATED"),
        (text, "UPLOAD_IS_TEXT"),
        (page, "UPLOAD_IS_TEXT"),
        (png, "UPLOAD_IS_PICTURE"),
    ],
)
def test_a_file_that_cannot_work_is_explained_everywhere(
    system: System, browser: requests.Session, tmp_path: Path, make: Callable[[Path], Path], code: str
) -> None:
    upload = Upload(system.url, system.token, make(tmp_path))
    assert upload.create().status_code == 201
    with contextlib.suppress(requests.HTTPError):  # some are told while they are still being sent
        upload.send(seconds=60)
    video = system.wait_for_state(upload.video, "needs_new_file", seconds=60)
    entry = CATALOGUE.get(code)
    assert video["error"]["code"] == code
    assert video["error"]["what_happened"]
    assert video["error"]["actions"]
    own_page = browser.get(f"{system.url}/videos/{upload.video}/")
    assert own_page.status_code == 200
    assert entry.title in own_page.text
    assert f"/help/{entry.guide}/" in own_page.text
    [(row,)] = system.query("SELECT id FROM uploads_video WHERE public_id = %s", upload.video)
    assert code in browser.get(f"{system.url}/admin/uploads/video/{row}/change/").text
    [(key,)] = system.query("SELECT storage_key FROM uploads_uploadsession s JOIN uploads_video v ON v.id = s.video_id WHERE v.public_id = %s", upload.video)
    wait_for(lambda: not (system.var_dir / "uploads" / key).exists(), seconds=60, what="a refused file is not kept")


@pytest.mark.parametrize(("make", "rung"), [(sound, "audio"), (yuv444, "180p")])
def test_what_looks_odd_but_works_becomes_playable(system: System, browser: requests.Session, tmp_path: Path, make: Callable[[Path], Path], rung: str) -> None:
    upload = Upload(system.url, system.token, make(tmp_path))
    assert upload.create().status_code == 201
    upload.send(seconds=60)
    video = system.wait_for_state(upload.video, "ready", "failed", "needs_new_file", seconds=60)
    assert video["state"] == "ready"
    assert [rendition["rung"] for rendition in video["renditions"]] == [rung]
    playlist = system.get(f"/media/{video['playlist_url'].split('/media/')[1]}")
    assert playlist.text.startswith("#EXTM3U")
    assert "data-play" in browser.get(f"{system.url}/videos/{upload.video}/").text


def test_an_empty_file_is_refused_before_anything_is_made(system: System, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    answer = Upload(system.url, system.token, tmp_path / "empty.mp4").create()
    assert answer.status_code == 422
    assert answer.json()["code"] == "UPLOAD_EMPTY"


def test_one_byte_over_the_limit_is_refused_before_the_body(system: System, tmp_path: Path) -> None:
    limit = 300 * 2**20
    for size, status in ((limit, 201), (limit + 1, 413)):
        source = tmp_path / f"{size}.mp4"
        with source.open("wb") as out:
            out.truncate(size)
        answer = Upload(system.url, system.token, source).create()
        assert answer.status_code == status, answer.text
    assert answer.json()["code"] == "UPLOAD_TOO_LARGE"
    assert "300" in answer.json()["detail"]
    assert not system.query("SELECT 1 FROM uploads_uploadsession WHERE length > %s", limit)
