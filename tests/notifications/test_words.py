from __future__ import annotations

from datetime import datetime, timedelta, timezone

from notifications import words


def test_a_clock_is_told_in_utc() -> None:
    assert words.clock(datetime(2026, 3, 1, 23, 14, tzinfo=timezone(timedelta(hours=-2)))) == "01:14 UTC"


def test_a_long_title_is_shortened() -> None:
    assert words.quoted("short") == "“short”"
    assert len(words.quoted("x" * 200)) == 82


def test_a_stored_code_nobody_knows_still_reads_as_a_sentence() -> None:
    assert words.reason("GONE_WITH_A_RELEASE", {}).endswith(".")
