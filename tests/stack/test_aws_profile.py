"""`make up-aws` as a person meets it: a film goes up, is converted by MediaConvert, and plays; and every job ends, whatever goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.chaos.mediaconvert import run
from tests.media import clip
from tests.stack.aws import AwsSystem
from tests.stack.browser import chromium, plays, sign_up
from tests.stack.system import ROOT, free_port

pytestmark = [pytest.mark.stack, pytest.mark.browser]


@pytest.fixture(scope="module")
def amazon() -> Iterator[AwsSystem]:
    with AwsSystem(EMULATOR_SEED="11") as running:
        yield running


def test_a_person_uploads_converts_by_mediaconvert_and_plays_the_result(amazon: AwsSystem) -> None:
    film = clip(seconds=3, width=320, height=180)
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        sign_up(page, amazon.url, "ada@example.org")
        page.locator("[data-drop] input[type=file]").set_input_files(film)
        card = page.locator("[data-uploads]")
        expect(card).to_contain_text("Ready to play", timeout=180_000)
        card.get_by_role("link", name="Watch it").click()
        expect(page.locator("h1")).to_contain_text(film.stem)
        plays(page)
    assert not complaints
    (attempt,) = amazon.query(
        "SELECT a.engine, a.state, a.external_id FROM processing_attempt a JOIN processing_job j ON j.id = a.job_id"
        " JOIN uploads_video v ON v.id = j.video_id JOIN auth_user u ON u.id = v.owner_id WHERE u.email = 'ada@example.org'"
    )
    assert attempt[0].startswith("mediaconvert:")
    assert attempt[1] == "succeeded"
    assert attempt[2] in [entry["job"] for entry in amazon.journal("job_created")]


def test_every_one_of_a_few_jobs_ends_whatever_happens_to_it(amazon: AwsSystem) -> None:
    run(amazon, 12, seed=11, share=0.4)


def test_the_installation_of_make_up_is_not_touched(tmp_path: Path) -> None:
    kept = tmp_path / "postgres" / "PG_VERSION"
    kept.parent.mkdir()
    kept.write_text("18")
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"PROFILE": "aws", "PORT": str(free_port()), "VAR_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "config.launcher"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "belongs to `make up`" in done.stderr
    assert kept.read_text() == "18"
