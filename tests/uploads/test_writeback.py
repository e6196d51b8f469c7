"""Writing back begins while bytes still come; whether it does changes nothing but the time a sync takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from uploads.store import writeback
from uploads.store.disk import DiskAppender, DiskStore
from uploads.store.writeback import LEAST_BYTES, begin_writeback

KEY = "upl_writeback0000000000"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(writeback, "_sync_file_range", lambda *call: calls.append(call))
    return calls


@pytest.fixture
def appender(tmp_path: Path) -> DiskAppender:
    place = DiskStore(tmp_path)
    place.create(KEY)
    return place.open(KEY)


def test_the_kernel_is_asked_for_what_was_written_and_not_for_crumbs(appender: DiskAppender, asked: list[tuple[Any, ...]]) -> None:
    appender.write(b"x" * LEAST_BYTES, offset=0)
    appender.write(b"y" * (LEAST_BYTES - 1), offset=LEAST_BYTES)
    appender.close()
    assert [call[1:] for call in asked] == [(0, LEAST_BYTES, 2)]


def test_without_the_call_bytes_are_written_all_the_same(appender: DiskAppender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writeback, "_sync_file_range", None)
    appender.write(b"z" * LEAST_BYTES, offset=0)
    appender.sync()
    appender.close()
    assert (tmp_path / KEY).read_bytes() == b"z" * LEAST_BYTES


def test_the_real_call_is_there_and_harmless(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as out:
        out.write(b"a" * LEAST_BYTES)
        out.flush()
        begin_writeback(out.fileno(), offset=0, size=LEAST_BYTES)
    assert (tmp_path / "file").stat().st_size == LEAST_BYTES
