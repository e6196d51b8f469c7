"""The main job as a person does it: sign up, drop a file, lose the line, reload, go on, watch it convert, play it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.media import STRONG, clip
from tests.stack.browser import chromium, plays, sign_up
from tests.stack.line import Line
from tests.stack.system import System, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]


def test_a_person_loses_the_line_reloads_goes_on_and_plays_the_result(system: System) -> None:
    film = clip(seconds=8, width=640, height=360, options=STRONG)
    size = film.stat().st_size
    complaints: list[str] = []
    with Line(system.port, bytes_per_second=size // 6) as line, chromium() as browser:
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        sign_up(page, line.url, "ada@example.org")
        page.locator("[data-drop] input[type=file]").set_input_files(film)
        wait_for(lambda: line.forwarded > size // 5, seconds=60, what="a fifth has been sent")

        line.cut()
        expect(page.locator("[data-uploads] .upload")).to_contain_text("othing is lost", timeout=60_000)
        line.mend()
        page.reload()

        unfinished = page.locator("#unfinished [data-session]")
        expect(unfinished).to_have_count(1)
        [(state, kept)] = system.uploads_of("ada@example.org", "s.state, s.committed")
        assert state == "receiving"
        assert 0 < kept < size
        line.bytes_per_second = 0
        unfinished.locator("input[type=file]").set_input_files(film)
        expect(page.locator("#unfinished [data-session]")).to_have_count(0, timeout=60_000)

        card = page.locator("[data-uploads]")
        expect(card).to_contain_text("Ready to play", timeout=120_000)
        expect(page.get_by_text("Nothing here yet")).to_be_hidden()
        card.get_by_role("link", name="Watch it").click()
        expect(page.locator("h1")).to_contain_text(film.stem)
        plays(page)
        expect(page.locator("main")).to_contain_text("Upload")
        assert system.uploads_of("ada@example.org", "s.resumes")[0][0] >= 1
    assert not complaints


def test_another_file_picked_by_mistake_is_told_apart_before_a_byte_is_sent(system: System, tmp_path: Path) -> None:
    film, other = clip(seconds=5, width=640, height=360), clip(seconds=6, width=640, height=360)
    size = film.stat().st_size
    with Line(system.port, bytes_per_second=size // 6) as line, chromium() as browser:
        page = browser.new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        sign_up(page, line.url, "grace@example.org")
        page.locator("[data-drop] input[type=file]").set_input_files(film)
        wait_for(lambda: line.forwarded > size // 5, seconds=60, what="a fifth has been sent")
        page.reload()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method) if "/files/" in request.url else None)
        page.locator("#unfinished [data-session] input[type=file]").set_input_files(other)
        expect(page.get_by_role("alert")).to_be_visible()
        assert not {"PATCH", "POST"} & set(sent)
        assert len(system.uploads_of("grace@example.org", "s.id")) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("letter.mp4", b"<html><body>Dear all,</body></html>" * 100, "text"), ("empty.mp4", b"", "empty"), ("notes.docx", b"PK" * 100, "video")],
)
def test_a_file_that_cannot_work_is_refused_with_words_and_a_way_on(system: System, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with chromium() as browser:
        page = browser.new_page()
        sign_up(page, system.url, f"{file.stem}@example.org")
        page.locator("[data-drop] input[type=file]").set_input_files(file)
        alert = page.get_by_role("alert").first
        expect(alert).to_be_visible(timeout=60_000)
        assert words in page.locator("main").inner_text().lower()
        assert alert.get_by_role("link").or_(alert.get_by_role("button")).count() >= 1
