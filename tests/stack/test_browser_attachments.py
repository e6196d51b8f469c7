"""A person attaches files while asking for help and later, loses the line on the way, is told what is not taken; support gets the file to save."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.stack.browser import chromium, sign_in, sign_up
from tests.stack.line import Line
from tests.stack.system import System, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]
WHO = "attaching@example.org"


def picture(path: Path, *, size: int) -> Path:
    """A PNG of about this many bytes, of which nothing can be packed."""
    pixels = b"".join(b"\x00" + os.urandom(300) for _ in range(size // 301))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 100, len(pixels) // 301, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels, 0)) + chunk(b"IEND", b""))
    return path


def shown(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants to look (ATTACHMENT_PICTURES)."""
    if folder := os.environ.get("ATTACHMENT_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_files_reach_the_people_who_answer_and_come_back_as_files(system: System, tmp_path: Path) -> None:
    log, screen = tmp_path / "player.log", picture(tmp_path / "what I see.png", size=3 * 2**20)
    log.write_text("10:14 it stopped\n" * 50)
    page_in_disguise = tmp_path / "innocent.png"
    page_in_disguise.write_text("<!doctype html><script>alert(1)</script>")
    complaints: list[str] = []
    with Line(system.port) as line, chromium() as browser:
        context = browser.new_context(viewport={"width": 1000, "height": 900})
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        sign_up(page, line.url, WHO)

        # Asking for help, with a log: the request first, then the file, then the ticket's page.
        page.goto(f"{line.url}/tickets/new/")
        page.get_by_label("What is it about?").fill("No sound")
        page.get_by_label("What did you see").fill("It stops at 10:14.")
        page.get_by_label("choose files to attach").set_input_files(log)
        expect(page.get_by_role("list", name="Files to attach")).to_contain_text("player.log")
        shown(page, "ask")
        page.get_by_role("button", name="Send").press("Enter")
        page.wait_for_url("**/tickets/tkt_*/")
        files = page.locator("#files")
        expect(files).to_contain_text("player.log")
        expect(files).to_contain_text("Attached", timeout=60_000)
        shown(page, "ticket")

        # A picture over a line that breaks, and the page left: it goes on from what arrived.
        line.bytes_per_second = screen.stat().st_size // 6
        begun = line.forwarded
        files.locator("input[type=file]").set_input_files(screen)
        wait_for(lambda: line.forwarded - begun > screen.stat().st_size // 2, seconds=60, what="half of it has been sent")
        line.cut()
        expect(files.locator("[data-uploads]")).to_contain_text("othing is lost", timeout=60_000)
        shown(page, "waiting")
        line.mend()
        page.reload()
        expect(files.get_by_role("list", name="Files that stopped on their way")).to_contain_text("what I see.png")
        shown(page, "unfinished")
        line.bytes_per_second = 0
        files.locator("input[type=file]").set_input_files(screen)
        expect(files.locator("[data-part=files] li").filter(has_text="what I see.png")).to_contain_text("PNG picture", timeout=60_000)
        assert [row for row in system.uploads_of(WHO, "s.file_name, s.state") if row[0] == screen.name] == [(screen.name, "accepted")], "the same upload"

        # What it is inside counts, not its name.
        files.locator("input[type=file]").set_input_files(page_in_disguise)
        alert = files.get_by_role("alert")
        expect(alert).to_contain_text("We do not open files like this one", timeout=60_000)
        expect(alert.get_by_role("link", name="Read the guide")).to_have_attribute("href", "/help/attach-a-file/")
        shown(page, "refused")
        page.set_viewport_size({"width": 360, "height": 740})
        page.reload()
        expect(files.locator("[data-part=files] li").filter(has_text="innocent.png")).to_contain_text("Not taken")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        shown(page, "phone")
        page.set_viewport_size({"width": 1000, "height": 900})

        with page.expect_download() as saved:
            files.get_by_role("link", name="Save what I see.png").click()
        assert Path(saved.value.path()).read_bytes() == screen.read_bytes()
        ticket = page.url
        look_as_staff(system, browser.new_context(viewport={"width": 1300, "height": 1000}).new_page(), screen)

        files.get_by_role("button", name="Remove innocent.png").click()
        expect(page.get_by_role("status").first).to_contain_text("is removed")
        assert page.url == ticket
        expect(page.locator("#files")).not_to_contain_text("innocent.png")
    assert not complaints


def test_what_cannot_go_is_said_before_and_after_the_request_is_sent(system: System, tmp_path: Path) -> None:
    program, log = tmp_path / "setup.exe", tmp_path / "a.log"
    program.write_bytes(b"MZ" + bytes(100))
    log.write_text("10:14 it stopped")
    later = {"title": "That is all the files for one day", "detail": "Try tomorrow.", "code": "UPLOAD_ATTACHMENTS_DAILY_LIMIT_REACHED", "status": 429}
    later |= {"retryable": True, "retry_after": 80_000, "actions": [{"kind": "wait", "label": "Wait until tomorrow", "href": ""}]}
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.on("dialog", lambda dialog: dialog.accept())
        sign_up(page, system.url, "not-attaching@example.org")
        page.goto(f"{system.url}/tickets/new/")
        page.get_by_label("What is it about?").fill("No picture")
        page.get_by_label("What did you see").fill("Nothing at all.")
        page.get_by_label("choose files to attach").set_input_files([program, log])
        chosen = page.get_by_role("list", name="Files to attach")
        expect(chosen.get_by_role("alert")).to_contain_text("Files of this kind cannot be attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        shown(page, "ask-phone")
        chosen.get_by_role("button", name="Leave out setup.exe").press("Enter")
        expect(chosen.get_by_role("listitem")).to_have_count(1)
        assert page.evaluate("document.activeElement.type") == "file", "the keyboard goes on where it can choose again"

        page.route("**/files/", lambda route: route.fulfill(status=429, json=later, content_type="application/problem+json"))
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("alert")).to_contain_text("That is all the files for one day", timeout=60_000)
        expect(page.get_by_role("status").filter(has_text="Your request is sent")).to_be_visible()
        shown(page, "sent-phone")
        page.get_by_role("link", name="Open the ticket").click()
        expect(page.locator("h1")).to_have_text("No picture")
        assert system.uploads_of("not-attaching@example.org", "s.id") == []


def look_as_staff(system: System, page: Page, screen: Path) -> None:
    """The console shows each file with size, kind and digest, and hands it out as a file to save."""
    sign_in(page, system.url, system.email, system.password)
    [(number,)] = system.query("SELECT t.id FROM support_ticket t JOIN auth_user u ON u.id = t.owner_id WHERE u.email = %s", WHO)
    page.goto(f"{system.url}/admin/support/ticket/{number}/change/")
    row = page.get_by_role("row").filter(has_text="what I see.png")
    expect(row).to_contain_text("PNG picture")
    shown(page, "console")
    with page.expect_download() as saved:
        row.get_by_role("link", name="Save").click()
    assert Path(saved.value.path()).read_bytes() == screen.read_bytes()
