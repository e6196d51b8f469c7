from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from notifications import words


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (12_400_000, "12.4 MB"), (5 * 2**30, "5.4 GB")]
)
def test_sizes_read_as_file_managers_show_them(count: int, text: str) -> None:
    assert words.size(count) == text


def test_a_clock_is_told_in_utc() -> None:
    assert words.clock(datetime(2026, 3, 1, 23, 14, tzinfo=timezone(timedelta(hours=-2)))) == "01:14 UTC"


def test_a_long_title_is_shortened() -> None:
    assert words.quoted("short") == "“short”"
    assert len(words.quoted("x" * 200)) == 82


def test_a_stored_code_nobody_knows_still_reads_as_a_sentence() -> None:
    assert words.reason("GONE_WITH_A_RELEASE", {}).endswith(".")
