"""Uppy, unmodified from npm, in Chromium: upload, pause, reload, go on, finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.media import STRONG, clip, padded
from tests.stack.browser import chromium, sign_up
from tests.stack.client import sha256
from tests.stack.line import Line
from tests.stack.s3 import Bucket, bucket
from tests.stack.system import System, wait_for
from tests.stack.uppy.bundle import HTML, bundle

pytestmark = [pytest.mark.stack, pytest.mark.browser]
MIB = 2**20
OWNER = "uppy@example.org"
PART = 5 * MIB  # what Uppy cuts a small file into
ENDS = ("ready", "failed", "needs_new_file", "canceled")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return bundle(tmp_path_factory.mktemp("uppy"))


@pytest.fixture(scope="module")
def in_s3() -> Iterator[tuple[Bucket, System]]:
    """A system whose uploads are kept in a bucket that pages may put parts into."""
    with bucket() as storage, System(**storage.settings()) as system:
        storage.let_pages_put(system.url)
        yield storage, system


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser to which our own pages' policy does not apply: the test puts a page of its own on our site."""
    with chromium() as browser:
        yield browser.new_context(bypass_csp=True).new_page()


def state(page: Page) -> dict[str, object]:
    return dict(page.evaluate("({...trial, uppy: undefined, ready: undefined})"))


def until(page: Page, question: str, *, seconds: float) -> None:
    wait_for(lambda: page.evaluate(question), seconds=seconds, what=f"{question}; {state(page)}")


def open_page(page: Page, base: str, way: str, script: bytes) -> None:
    """Put Uppy on our site: same origin, same cookies. Opened again, it is what a reload is."""
    page.goto(f"{base}/healthz?way={way}")
    page.set_content(HTML)
    page.add_script_tag(content=script.decode())
    page.wait_for_function("window.trial && trial.ready")


def test_tus_pauses_reloads_and_goes_on(system: System, page: Page, script: bytes) -> None:
    film = clip(seconds=8, width=640, height=360, options=STRONG)
    size = film.stat().st_size
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with Line(system.port, bytes_per_second=size // 5) as line:
        sign_up(page, line.url, OWNER)
        open_page(page, line.url, "tus", script)
        page.get_by_label("File").set_input_files(film)
        page.evaluate("trial.begin()")
        until(page, "trial.share > 0.3", seconds=60)
        line.bytes_per_second = size // 20  # so that it is not over before a busy browser pauses
        page.evaluate("trial.pause()")
        wait_for(lambda: kept(system) > 0, seconds=60, what="the server kept a part")
        before = kept(system)

        page.evaluate("trial.resume()")
        wait_for(lambda: kept(system) > max(before, size // 5), seconds=60, what="it went on after the pause")
        page.evaluate("trial.pause()")

        open_page(page, line.url, "tus", script)
        page.wait_for_function("trial.restored")
        line.bytes_per_second = 0
        sent, held = line.forwarded, kept(system)
        page.evaluate("trial.goOn()")
        until(page, "trial.done", seconds=60)
        assert line.forwarded - sent < size - held // 2, "what had arrived was not sent again"
    assert not complaints
    [(key, row)] = system.uploads_of(OWNER, "s.storage_key, s.video_id")
    assert sha256(system.var_dir / "uploads" / key) == sha256(film)
    assert system.query("SELECT state FROM uploads_video WHERE id = %s", row)[0][0] in ("checking", "converting", "ready")


def test_aws_s3_pauses_reloads_and_goes_on(in_s3: tuple[Bucket, System], page: Page, script: bytes, tmp_path: Path) -> None:
    size = 3 * PART + MIB
    film = padded(clip(), tmp_path / "film.mp4", size=size)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    storage, system = in_s3
    line = storage.line
    sign_up(page, system.url, OWNER)
    open_page(page, system.url, "s3", script)
    line.bytes_per_second = 4 * MIB
    page.get_by_label("File").set_input_files(film)
    page.evaluate("trial.begin()")
    arrives(page, storage, 1)
    page.evaluate("trial.pause()")
    line.bytes_per_second = 2 * MIB  # so that it is not over before a busy browser pauses
    page.evaluate("trial.resume()")
    arrives(page, storage, 2)
    line.bytes_per_second = MIB // 4
    page.evaluate("trial.pause()")

    open_page(page, system.url, "s3", script)
    page.wait_for_function("trial.restored")
    assert storage.parts() >= 2
    line.bytes_per_second = 0
    sent = line.forwarded
    page.evaluate("trial.goOn()")
    until(page, "trial.done", seconds=60)
    assert line.forwarded - sent < size - PART, "what had arrived was not sent again"

    location = str(page.evaluate("trial.response.address"))
    video = location.strip("/").rpartition("/")[2]
    [(session_state,)] = system.uploads_of(OWNER, "s.state")
    assert session_state in ("received", "accepted")
    wait_for(lambda: video_state(system, video) in ENDS, seconds=120, what="the video is ready", every=0.5)
    assert video_state(system, video) == "ready", system.logs()
    [(digest,)] = system.uploads_of(OWNER, "s.sha256")
    assert digest == sha256(film)
    assert not complaints


def test_tus_reads_why_a_file_is_refused(system: System, page: Page, script: bytes, tmp_path: Path) -> None:
    sign_up(page, system.url, "uppy-refused@example.org")
    open_page(page, system.url, "tus", script)
    page.get_by_label("File").set_input_files(junk(tmp_path, size=2 * MIB))
    page.evaluate("trial.begin()")
    until(page, "trial.refused", seconds=60)
    assert page.evaluate("trial.refused.status") == 415
    problem = json.loads(page.evaluate("trial.refused.body"))
    assert (problem["code"], problem["status"]) == ("UPLOAD_NOT_MEDIA", 415)
    assert problem["actions"]


def test_aws_s3_is_refused_before_a_byte_is_sent(in_s3: tuple[Bucket, System], page: Page, script: bytes, tmp_path: Path) -> None:
    """Uppy throws our answer's body away and shows its status alone; whoever reads the answer finds the problem in it."""
    _storage, system = in_s3
    letter = tmp_path / "letter.docx"
    letter.write_bytes(b"PK\x03\x04" * 1000)
    sign_up(page, system.url, "uppy-letter@example.org")
    open_page(page, system.url, "s3", script)
    page.get_by_label("File").set_input_files(letter)
    with page.expect_request("**/api/v1/s3/multipart") as asked:
        page.evaluate("trial.begin()")
    until(page, "trial.error", seconds=60)
    assert "Unsupported Media Type" in page.evaluate("trial.error")
    again = {"method": "POST", "body": asked.value.post_data, "headers": {"Content-Type": "application/json"}}
    told = page.evaluate("(again) => fetch('/api/v1/s3/multipart', again).then((answer) => answer.json())", again)
    assert (told["code"], told["status"]) == ("UPLOAD_TYPE_REFUSED", 415)
    assert told["actions"]
    assert system.uploads_of("uppy-letter@example.org", "s.id") == []


def test_aws_s3_is_told_what_was_wrong_with_the_content_once_it_is_there(in_s3: tuple[Bucket, System], page: Page, script: bytes, tmp_path: Path) -> None:
    """Bytes that do not pass through us are looked at when they are complete: the upload says why, and nothing stays in the bucket."""
    storage, system = in_s3
    storage.line.bytes_per_second = 0
    email = "uppy-junk@example.org"
    sign_up(page, system.url, email)
    open_page(page, system.url, "s3", script)
    page.get_by_label("File").set_input_files(junk(tmp_path, size=PART + MIB))
    page.evaluate("trial.begin()")
    until(page, "trial.done || trial.error", seconds=60)
    wait_for(lambda: system.uploads_of(email, "s.state") == [("rejected",)], seconds=60, what="it was looked at and refused")
    [(public_id, key)] = system.uploads_of(email, "s.public_id, s.storage_key")
    told = page.evaluate("(id) => fetch(`/api/v1/uploads/${id}`).then((answer) => answer.json())", public_id)
    assert told["error"]["code"] == "UPLOAD_NOT_MEDIA"
    assert told["error"]["what_happened"]
    wait_for(lambda: not [name for name in storage.s3.objects() if key in name], seconds=60, what="nothing stays in the bucket")


def junk(folder: Path, *, size: int) -> Path:
    path = folder / "film.mp4"
    path.write_bytes(hashlib.shake_256(b"no film at all").digest(size))
    return path


def arrives(page: Page, storage: Bucket, number: int) -> None:
    """Wait for a part, and for Uppy to have heard of it."""
    wait_for(lambda: storage.parts() >= number or page.evaluate("trial.error") != "", seconds=60, what=f"part {number} arrived; {state(page)}")
    assert page.evaluate("trial.error") == ""


def video_state(system: System, public_id: str) -> str:
    return str(system.query("SELECT state FROM uploads_video WHERE public_id = %s", public_id)[0][0])


def kept(system: System) -> int:
    return max((int(committed) for (committed,) in system.uploads_of(OWNER, "s.committed")), default=0)
