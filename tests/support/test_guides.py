from __future__ import annotations

import re
from pathlib import Path

import pytest

from resilience.errors import CATALOGUE
from support import guide_library
from support.guide_library import Guide, all_guides, guide, guide_for, search

GUIDES = [pytest.param(found, id=found.slug) for found in all_guides()]
HARD_WORDS = re.compile(r"\b(codec error|exception|null|errno|traceback|stack trace|stderr|exit code|stream index|muxer|bitstream|container)\b", re.IGNORECASE)


def test_the_four_guides_are_there() -> None:
    assert {found.slug for found in all_guides()} >= {"upload-keeps-stopping", "file-refused", "conversion-failed", "no-sound-or-picture"}


@pytest.mark.parametrize("found", GUIDES)
def test_every_code_of_a_guide_is_in_the_catalogue(found: Guide) -> None:
    assert [code for code in found.codes if CATALOGUE.get(code).code != code] == []


def test_every_guide_of_the_catalogue_exists() -> None:
    assert [entry.code for entry in CATALOGUE if entry.guide and guide(entry.guide) is None] == []


@pytest.mark.parametrize("found", GUIDES)
def test_a_guide_leads_to_a_person_and_speaks_plainly(found: Guide) -> None:
    assert found.title
    assert found.summary.endswith(".")
    last = found.html.rpartition("<h2>")[2]
    assert last.startswith("Still stuck?")
    assert 'href="/tickets/new/"' in last
    assert not HARD_WORDS.search(found.html), HARD_WORDS.search(found.html)
    assert found.html.count("<ol>") >= 1
    assert "<h2>What the messages mean</h2>" in found.html
    assert "<script" not in found.html


def test_the_messages_a_guide_explains_are_the_ones_people_see() -> None:
    titles = {entry.title for entry in CATALOGUE}
    explained = re.findall(r"^\| (This [^|]*?file is \w+|The end of this file is missing|This file is damaged) \|", _source("conversion-failed"), re.M)
    assert explained
    assert set(explained) <= titles


def test_the_guide_of_an_error_is_found_by_its_entry_or_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    found = guide_for("UPLOAD_TRUNCATED")
    assert found is not None
    assert found.slug == "file-refused"
    by_code = guide_for("ENCODING_STALLED")
    assert by_code is not None
    assert by_code.slug == "conversion-failed"
    assert guide_for("RATE_LIMITED") is None
    assert guide_for("") is None


def test_search_wants_every_word() -> None:
    assert search("no sound")[0].slug == "no-sound-or-picture"
    assert search("handbrake")
    assert search("handbrake zebra") == ()


def test_markup_in_a_guide_cannot_become_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.md").write_text(
        "---\ntitle: Bad\nsummary: Bad.\ncodes: []\n---\n\n<script>alert(1)</script>\n\n"
        "[x](javascript:alert(1)) <img src=x onerror=alert(1)> <b onclick=x>y</b>\n"
    )
    monkeypatch.setattr(guide_library, "FOLDER", tmp_path)
    html = guide_library._read(tmp_path / "bad.md").html
    assert "alert" not in html
    assert "onclick" not in html


def _source(slug: str) -> str:
    return (guide_library.FOLDER / f"{slug}.md").read_text()
