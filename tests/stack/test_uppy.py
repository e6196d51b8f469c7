"""Uppy, unmodified from npm, in Chromium: upload, pause, reload, go on, finished."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route

from tests.media import clip
from tests.stack.browser import chromium, sign_up
from tests.stack.client import sha256
from tests.stack.line import Line
from tests.stack.system import System, wait_for
from tests.stack.uppy.bundle import HTML, bundle

pytestmark = [pytest.mark.stack, pytest.mark.browser]
STRONG = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "4M", "-minrate", "4M", "-bufsize", "1M")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return bundle(tmp_path_factory.mktemp("uppy"))


@pytest.fixture
def page(script: bytes) -> Iterator[Page]:
    """A browser that finds the test's page at /uppy/ of whatever site it is on: same origin, same cookies, everything else is the site's."""

    def answer(route: Route) -> None:
        if route.request.url.endswith("/page.js"):
            route.fulfill(body=script, content_type="text/javascript")
        else:
            route.fulfill(body=HTML, content_type="text/html")

    with chromium() as browser:
        fresh = browser.new_page()
        fresh.context.route("**/uppy/**", answer)
        yield fresh


def state(page: Page) -> dict[str, object]:
    return dict(page.evaluate("({...trial, uppy: undefined, ready: undefined})"))


def until(page: Page, question: str, *, seconds: float) -> None:
    wait_for(lambda: page.evaluate(question), seconds=seconds, what=f"{question}; {state(page)}")


def open_page(page: Page, base: str, way: str) -> None:
    page.goto(f"{base}/uppy/?way={way}")
    page.wait_for_function("window.trial && trial.ready")


def test_tus_pauses_reloads_and_goes_on(system: System, page: Page) -> None:
    film = clip(seconds=8, width=640, height=360, options=STRONG)
    size = film.stat().st_size
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with Line(system.port, bytes_per_second=size // 5) as line:
        sign_up(page, line.url, "uppy@example.org")
        open_page(page, line.url, "tus")
        page.get_by_label("File").set_input_files(film)
        page.evaluate("trial.begin()")
        until(page, "trial.share > 0.3", seconds=30)
        page.evaluate("trial.pause()")
        wait_for(lambda: kept(system, size) > 0, seconds=10, what="the server kept a part")
        before = kept(system, size)

        page.evaluate("trial.resume()")
        wait_for(lambda: kept(system, size) > before, seconds=20, what="it went on after the pause")
        page.evaluate("trial.pause()")

        page.reload()
        page.wait_for_function("window.trial && trial.restored")
        line.bytes_per_second = 0
        sent = line.forwarded
        page.evaluate("trial.goOn()")
        until(page, "trial.done", seconds=30)
        assert line.forwarded - sent < size * 0.9, "what had arrived was not sent again"
    assert not complaints
    [(key, video)] = system.query(
        "SELECT s.storage_key, v.public_id FROM uploads_uploadsession s JOIN uploads_video v ON v.id = s.video_id WHERE s.length = %s", size
    )
    assert sha256(system.var_dir / "uploads" / key) == sha256(film)
    assert system.query("SELECT state FROM uploads_video WHERE public_id = %s", video)[0][0] in ("checking", "converting", "ready")


def kept(system: System, size: int) -> int:
    return int(system.query("SELECT coalesce(max(committed), 0) FROM uploads_uploadsession WHERE length = %s", size)[0][0])
