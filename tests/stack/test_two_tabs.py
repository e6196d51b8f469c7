"""Two tabs with the same file: the later one goes on, the earlier one says so in words, sends nothing more, and can take it back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.media import STRONG, clip
from tests.stack.browser import chromium, sign_up
from tests.stack.line import Line
from tests.stack.system import System, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]


def test_the_earlier_tab_is_told_that_the_upload_goes_on_elsewhere(system: System) -> None:
    film = clip(seconds=8, width=640, height=360, options=STRONG)
    size = film.stat().st_size
    with Line(system.port, bytes_per_second=size // 8) as line, chromium() as browser:
        context = browser.new_context()
        earlier = context.new_page()
        sign_up(earlier, line.url, "two-tabs@example.org")
        earlier.locator("[data-drop] input[type=file]").set_input_files(film)
        wait_for(lambda: line.forwarded > size // 5, seconds=60, what="a fifth has been sent")
        line.bytes_per_second = size // 100  # however long the other tab takes to open

        later = context.new_page()
        later.goto(f"{line.url}/")
        later.locator("#unfinished [data-session] input[type=file]").set_input_files(film)
        alert = earlier.get_by_role("alert").first
        expect(alert).to_contain_text("goes on somewhere else", timeout=60_000)
        expect(alert.get_by_role("link", name="See it in your library")).to_have_attribute("href", "/")
        line.bytes_per_second = 0
        expect(later.locator("[data-uploads]")).to_contain_text("Ready to play", timeout=120_000)
        assert len(system.uploads_of("two-tabs@example.org", "s.id")) == 1, "the same upload went on"


def test_the_earlier_tab_takes_the_upload_back_and_the_other_is_told(system: System) -> None:
    film = clip(seconds=8, width=640, height=360, options=STRONG)
    size, email = film.stat().st_size, "taken-back@example.org"
    with Line(system.port, bytes_per_second=size // 12) as line, chromium() as browser:
        context = browser.new_context()
        earlier = context.new_page()
        sign_up(earlier, line.url, email)
        earlier.locator("[data-drop] input[type=file]").set_input_files(film)
        wait_for(lambda: line.forwarded > size // 6, seconds=60, what="a sixth has been sent")
        line.bytes_per_second = size // 100  # however long the other tab takes to open
        later = context.new_page()
        later.goto(f"{line.url}/")
        later.locator("#unfinished [data-session] input[type=file]").set_input_files(film)
        here = earlier.get_by_role("alert").get_by_role("button", name="Go on here")
        expect(here).to_be_visible(timeout=60_000)

        [(before,)] = system.uploads_of(email, "s.committed")
        here.click()
        expect(later.get_by_role("alert").first).to_contain_text("goes on somewhere else", timeout=60_000)
        expect(earlier.get_by_role("alert")).to_have_count(0)
        [(kept,)] = system.uploads_of(email, "s.committed")
        assert kept >= before
        line.bytes_per_second = 0
        expect(earlier.locator("[data-uploads]")).to_contain_text("Ready to play", timeout=120_000)
        expect(later.get_by_role("alert").first).to_contain_text("goes on somewhere else")
    assert len(system.uploads_of(email, "s.id")) == 1, "the same upload went on"
