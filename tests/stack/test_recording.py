"""What a browser records is sent while it is made, survives a reload, and ends as a film that plays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.stack.browser import chromium, plays, sign_up
from tests.stack.system import System, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]
DEVICES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")  # a picture that beeps, and nobody asks


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with chromium(*DEVICES) as browser:
        yield browser.new_context()


def recorded(page: Page, *, seconds: int) -> None:
    """Wait until the clock on the page says so."""
    page.wait_for_function("(least) => Number(document.querySelector('[data-record-time]').textContent.split(':')[1]) >= least", arg=seconds, timeout=60_000)


def kept_here(page: Page) -> int:
    """Bytes of recordings this browser keeps."""
    pieces = page.evaluate(
        """new Promise((done) => {
          const opening = indexedDB.open("holdfast-recordings", 1);
          opening.onsuccess = () => {
            const asked = opening.result.transaction("pieces").objectStore("pieces").getAll();
            asked.onsuccess = () => { opening.result.close(); done(asked.result.map((piece) => piece.blob.size)); };
          };
        })"""
    )
    return sum(pieces)


def only(system: System, email: str, columns: str) -> tuple[Any, ...]:
    [row] = system.uploads_of(email, columns)
    return row


def arrived(system: System, email: str) -> int:
    return sum(int(committed) for (committed,) in system.uploads_of(email, "s.committed"))


def begin(page: Page, way: str) -> None:
    page.get_by_role("group", name="Record").get_by_role("button", name=way).click()
    expect(page.get_by_role("button", name="Stop and finish")).to_be_focused()


def watched(page: Page) -> None:
    page.locator("[data-uploads]").get_by_role("link", name="Watch it").click()
    page.wait_for_url("**/videos/*/")
    plays(page)


def test_a_recording_is_sent_while_it_is_made_and_plays(system: System, context: BrowserContext) -> None:
    email, complaints = "recorder@example.org", []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_up(page, system.url, email)
    begin(page, "Camera")
    wait_for(lambda: arrived(system, email) > 0, seconds=60, what="something has arrived while it is recorded")
    assert only(system, email, "s.state, s.length") == ("receiving", None), "nobody knows yet how long it will be"
    recorded(page, seconds=4)
    page.get_by_role("button", name="Stop and finish").click()
    expect(page.locator("[data-uploads]")).to_contain_text("Ready to play", timeout=120_000)
    length, committed, probe, state = only(system, email, "s.length, s.committed, s.probe, s.state")
    assert (length, state) == (committed, "accepted")
    assert probe["container"] == "matroska,webm"
    assert 1 < probe["duration_s"] < 60
    wait_for(lambda: kept_here(page) == 0, seconds=60, what="nothing stays behind on this device")
    watched(page)
    expect(page.get_by_label("Versions")).to_contain_text(re.compile(r"Length\s*0:\d\d"))
    assert not complaints


def test_a_recording_survives_a_reload_and_is_finished(system: System, context: BrowserContext) -> None:
    email = "interrupted@example.org"
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    sign_up(page, system.url, email)
    begin(page, "Camera")
    wait_for(lambda: arrived(system, email) > 0, seconds=60, what="something has arrived")
    context.route("**/files/**", lambda route: route.abort())  # the line for uploads is down
    recorded(page, seconds=6)
    wait_for(lambda: kept_here(page) > 50_000, seconds=60, what="what cannot be sent is kept here")
    before, kept = arrived(system, email), kept_here(page)
    page.reload()

    interrupted = page.locator("#interrupted li")
    expect(interrupted).to_contain_text(re.compile(r"A recording was interrupted: 0:\d\d of it is kept"))
    expect(page.locator("#unfinished [data-session]")).to_have_count(0)  # it is offered once
    expect(page.locator("#unfinished")).to_be_hidden()
    assert kept_here(page) >= kept
    context.unroute("**/files/**")
    interrupted.get_by_role("button", name="Finish it").click()
    expect(page.locator("[data-uploads]")).to_contain_text("Ready to play", timeout=120_000)
    length, probe = only(system, email, "s.length, s.probe")
    assert length >= before + kept
    assert probe["duration_s"] > 1, "a slow machine records less than the clock says, but more than what had arrived at first"
    wait_for(lambda: kept_here(page) == 0, seconds=60, what="nothing stays behind on this device")
    watched(page)


def test_on_another_device_what_has_arrived_can_be_finished(system: System, context: BrowserContext) -> None:
    email = "two-devices@example.org"
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    sign_up(page, system.url, email)
    begin(page, "Sound only")
    wait_for(lambda: arrived(system, email) > 5000, seconds=60, what="something has arrived")
    cookies = context.cookies()
    page.close(run_before_unload=False)
    assert context.browser is not None
    elsewhere = context.browser.new_context()
    elsewhere.add_cookies([{"name": str(cookie["name"]), "value": str(cookie["value"]), "url": system.url} for cookie in cookies])
    other = elsewhere.new_page()
    other.goto(f"{system.url}/")
    other.get_by_role("button", name="Finish with what has arrived").click()
    expect(other.locator("[data-uploads]")).to_contain_text("Ready to play", timeout=120_000)
    watched(other)
    assert only(system, email, "s.state")[0] == "accepted"


def test_sound_alone_is_a_recording_too_and_the_keyboard_is_enough(system: System, context: BrowserContext) -> None:
    email = "sound@example.org"
    page = context.new_page()
    sign_up(page, system.url, email)
    page.locator("[data-drop] input[type=file]").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop and finish")).to_be_focused()
    expect(page.locator("[data-record-preview]")).to_be_hidden()
    recorded(page, seconds=2)
    page.keyboard.press("Enter")
    card = page.locator("[data-uploads] > li")
    expect(card).to_contain_text("Ready to play", timeout=120_000)
    expect(card).to_be_focused()
    assert only(system, email, "s.probe")[0]["video"] is None
    watched(page)


def test_a_recording_stops_at_the_size_one_upload_may_have(system: System, context: BrowserContext) -> None:
    email = "too-much@example.org"
    page = context.new_page()
    sign_up(page, system.url, email)
    most = 60_000
    page.route(f"{system.url}/", lambda route: route.fulfill(body=with_limit(route.fetch().text(), most), content_type="text/html"))
    page.reload()
    begin(page, "Camera")
    expect(page.locator("[data-record-problem]")).to_contain_text("one upload cannot be larger", timeout=60_000)
    expect(page.locator("[data-uploads]")).to_contain_text("Ready to play", timeout=120_000)
    length, probe = only(system, email, "s.length, s.probe")
    assert 0 < length <= most
    assert probe["duration_s"] > 0


def with_limit(html: str, most: int) -> str:
    changed, count = re.subn(r'"maxSize": \d+', f'"maxSize": {most}', html)
    assert count == 1
    return changed


def test_a_recording_of_no_length_is_told_and_leaves_nothing(system: System, context: BrowserContext) -> None:
    email = "too-quick@example.org"
    page = context.new_page()
    page.add_init_script("const start = MediaRecorder.prototype.start; MediaRecorder.prototype.start = function (ms) { start.call(this, ms); this.stop(); };")
    sign_up(page, system.url, email)
    page.get_by_role("group", name="Record").get_by_role("button", name="Camera").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Nothing was recorded")
    expect(alert.get_by_role("button", name="Try again")).to_be_visible()
    page.reload()
    expect(page.get_by_role("group", name="Record")).to_be_visible()
    expect(page.locator("#interrupted li")).to_have_count(0)
    assert system.uploads_of(email, "s.id") == []


def test_a_reload_before_the_first_piece_leaves_nothing(system: System, context: BrowserContext) -> None:
    email = "too-early@example.org"
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.add_init_script("const start = MediaRecorder.prototype.start; MediaRecorder.prototype.start = function () { start.call(this, 3_600_000); };")
    sign_up(page, system.url, email)
    begin(page, "Camera")
    recorded(page, seconds=1)
    page.reload()
    expect(page.get_by_role("group", name="Record")).to_be_visible()
    wait_for(lambda: recordings_here(page) == 0, seconds=60, what="nothing stays behind on this device")
    expect(page.locator("#interrupted li")).to_have_count(0)
    assert system.uploads_of(email, "s.id") == []


def recordings_here(page: Page) -> int:
    return int(
        page.evaluate(
            """new Promise((done) => {
              const opening = indexedDB.open("holdfast-recordings", 1);
              opening.onsuccess = () => {
                const asked = opening.result.transaction("recordings").objectStore("recordings").count();
                asked.onsuccess = () => { opening.result.close(); done(asked.result); };
              };
            })"""
        )
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [("NotAllowedError", "does not let us record"), ("NotFoundError", "nothing here to record with"), ("NotReadableError", "could not go on")],
)
def test_why_there_is_no_recording_is_told_with_a_way_on(system: System, context: BrowserContext, error: str, words: str) -> None:
    page = context.new_page()
    page.add_init_script(f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', '{error}'));")
    sign_up(page, system.url, f"{error.lower()}@example.org")
    camera = page.get_by_role("group", name="Record").get_by_role("button", name="Camera")
    camera.click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(words)
    expect(alert.get_by_role("link", name="Read the guide")).to_have_attribute("href", "/help/record-in-the-browser/")
    expect(camera).to_be_enabled()
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text(words)
