"""A file that its first bytes give away is refused before the rest of it is sent, and a browser reads why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.stack.browser import chromium, sign_up
from tests.stack.line import Line
from tests.stack.system import System, wait_for
from tests.stack.tus_page import open_page

pytestmark = [pytest.mark.stack, pytest.mark.browser]
SIZE = 24 * 2**20
# Bytes per second. Chromium reads no answer while it is still sending: it hears of it when the server hangs up, five seconds after the
# answer at the latest, while all of the file would take 96.
SPEED = 2**18


@pytest.fixture
def junk(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(hashlib.shake_256(b"no film at all").digest(SIZE))
    return path


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_context(bypass_csp=True).new_page()


def nothing_is_left(system: System, email: str) -> None:
    wait_for(lambda: system.uploads_of(email, "s.state, s.error_code") == [("rejected", "UPLOAD_NOT_MEDIA")], seconds=60, what="it is refused")
    [(key,)] = system.uploads_of(email, "s.storage_key")
    wait_for(lambda: not (system.var_dir / "uploads" / key).exists(), seconds=60, what="its bytes are gone")


def test_tus_js_client_reads_the_refusal_in_the_middle_of_its_request(system: System, page: Page, junk: Path) -> None:
    email = "refused-early@example.org"
    with Line(system.port, bytes_per_second=SPEED // 4) as line:
        sign_up(page, line.url, email)
        open_page(page, line.url)
        page.get_by_label("File").set_input_files(junk)
        page.evaluate("trial.begin({ chunkSize: Infinity })")
        wait_for(lambda: page.evaluate("trial.error"), seconds=60, what="it was told")
        assert line.forwarded < SIZE, "told before the body was over"
        assert page.evaluate("trial.status") == 415
        problem = json.loads(page.evaluate("trial.body"))
    assert (problem["code"], problem["status"]) == ("UPLOAD_NOT_MEDIA", 415)
    assert problem["detail"]
    assert problem["actions"]
    nothing_is_left(system, email)


def test_our_page_says_it_while_the_file_is_still_being_sent(system: System, page: Page, junk: Path) -> None:
    email = "refused-early-here@example.org"
    with Line(system.port, bytes_per_second=SPEED) as line:
        sign_up(page, line.url, email)
        line.bytes_per_second = SPEED // 8  # a busy browser may take its time: the body takes longer
        page.locator("[data-drop] input[type=file]").set_input_files(junk)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("does not look like video or audio", timeout=180_000)
        assert line.forwarded < SIZE, "told before the body was over"
        expect(alert.get_by_role("button", name="Choose another file")).to_be_visible()
    nothing_is_left(system, email)
