"""One film sent by a browser as four parts side by side: cut in the middle, gone on after a reload, joined, ready, played; on disk and over S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.media import STRONG, clip, padded
from tests.s3 import FakeS3, running
from tests.stack.browser import chromium, plays, sign_up
from tests.stack.client import sha256
from tests.stack.line import Line
from tests.stack.system import System, wait_for
from tests.stack.tus_page import open_page

pytestmark = [pytest.mark.stack, pytest.mark.browser]
PARALLEL = {"parallelUploads": 4}
MIB = 2**20


@dataclass(frozen=True)
class Kept:
    """Where a system keeps what arrives, and a film large enough to be interesting there."""

    system: System
    film: Path
    s3: FakeS3 | None

    def stored(self) -> set[str]:
        """What lies in the store, by name."""
        if self.s3 is not None:
            return set(self.s3.objects())
        return {path.name for path in (self.system.var_dir / "uploads").rglob("*") if path.is_file()}


@pytest.fixture(scope="module", params=["disk", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    if request.param == "disk":
        yield Kept(request.getfixturevalue("system"), clip(seconds=8, width=640, height=360, options=STRONG), None)
        return
    film = padded(clip(), tmp_path_factory.mktemp("film") / "film.mp4", size=23 * MIB)  # each part is more than one of S3's own
    with running() as s3, System(**s3.environment) as system:
        yield Kept(system, film, s3)


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser to which our own pages' policy does not apply: the test puts a page of its own on our site."""
    with chromium() as browser:
        yield browser.new_context(bypass_csp=True).new_page()


def parts_of(system: System, email: str, columns: str = "s.committed") -> list[tuple[Any, ...]]:
    return [row[1:] for row in system.uploads_of(email, f"s.role, {columns}") if row[0] == "part"]


def half_sent(page: Page, line: Line, email: str, film: Path, **options: Any) -> None:
    """Begin, and wait until a third is on its way and every part has its address kept in the page. The rest of it comes at a crawl."""
    sign_up(page, line.url, email)
    open_page(page, line.url)
    page.get_by_label("File").set_input_files(film)
    page.evaluate("(more) => trial.begin(more)", PARALLEL | options)
    wait_for(lambda: line.forwarded > film.stat().st_size // 3, seconds=60, what="a third of it is sent", every=0.02)
    line.bytes_per_second = film.stat().st_size // 100
    wait_for(lambda: page.evaluate("trial.kept() > 0 && trial.sent > 0"), seconds=60, what="the page knows of it")
    assert page.evaluate("trial.error") == ""


def test_four_parts_cut_and_gone_on_after_a_reload_become_one_film_that_plays(kept: Kept, page: Page) -> None:
    system, film = kept.system, kept.film
    size, email = film.stat().st_size, f"side-by-side-{'s3' if kept.s3 else 'disk'}@example.org"
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with Line(system.port, bytes_per_second=size // 16) as line:  # of each connection: four of them share nothing
        half_sent(page, line, email, film)
        line.cut()
        library = page.context.new_page()
        library.goto(f"{system.url}/")
        expect(library.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        expect(library.locator("[data-session]")).to_have_count(0)  # parts are nothing a person would see

        line.mend()
        line.bytes_per_second = 0
        wait_for(lambda: any(committed for (committed,) in parts_of(system, email)), seconds=60, what="the server keeps what had arrived")
        before = parts_of(system, email)
        assert len(before) == 4
        assert sum(row[0] for row in before) < size
        open_page(page, line.url)
        page.get_by_label("File").set_input_files(film)
        sent = line.forwarded
        assert page.evaluate("(more) => trial.begin(more)", PARALLEL) == 4, "it goes on with the same four addresses"
        wait_for(lambda: page.evaluate("trial.done || trial.error"), seconds=60, what="all of it has arrived")
        assert page.evaluate("trial.error") == ""
        assert line.forwarded - sent < size - sum(row[0] for row in before) // 2, "what had arrived was not sent again"

        cards = library.locator("[data-library] .card")
        expect(cards).to_have_count(1, timeout=60_000)
        expect(cards).to_contain_text("Ready", timeout=120_000)
        library.reload()
        expect(cards).to_have_count(1)
        expect(library.locator("[data-session]")).to_have_count(0)
        cards.get_by_role("link").first.click()
        expect(library.locator("h1")).to_contain_text(film.stem)
        plays(library)
    assert len(parts_of(system, email)) == 4, "no part was begun twice"
    [(state, digest)] = [row[1:] for row in system.uploads_of(email, "s.role, s.state, s.sha256") if row[0] == "joined"]
    assert (state, digest) == ("accepted", sha256(film))
    assert not complaints


def test_parts_given_up_leave_nothing(kept: Kept, page: Page) -> None:
    system, film = kept.system, kept.film
    email = f"given-up-{'s3' if kept.s3 else 'disk'}@example.org"
    with Line(system.port, bytes_per_second=film.stat().st_size // 16) as line:
        half_sent(page, line, email, film)
        keys = [key for (key,) in parts_of(system, email, "s.storage_key")]
        wait_for(lambda: any(key in name for key in keys for name in kept.stored()), seconds=60, what="there is something to leave")
        page.evaluate("trial.upload.abort(true)")
        wait_for(lambda: {state for (state,) in parts_of(system, email, "s.state")} == {"aborted"}, seconds=60, what="all four parts are canceled")
    wait_for(lambda: not any(key in name for key in keys for name in kept.stored()), seconds=60, what="their bytes are gone")
    assert kept.s3 is None or kept.s3.multiparts() == []
    page.goto(f"{system.url}/")
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    expect(page.locator("[data-session]")).to_have_count(0)
