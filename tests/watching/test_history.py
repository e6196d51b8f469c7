"""What was counted lately, apart from what was counted ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.metrics import histogram, history
from resilience.metrics.store import store

TOOK = histogram("holdfast_unit_lately_seconds", "Took.", ["kind"])
NAME = "holdfast_unit_lately_seconds"


def lately() -> tuple[float, float]:
    found = history.lately([NAME])[NAME]
    return found.count, found.total


def test_lately_is_since_the_oldest_note_of_the_last_hour(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(history.time, "time", lambda: now)
    TOOK.labels("a").observe(10)
    history.note()
    assert lately() == (0, 0)
    TOOK.labels("b").observe(2)
    assert lately() == (1, 2)
    now += 60
    history.note()
    assert len(history._read(folder)) == 1, "noted every few minutes, not at every look"
    now += 1800
    history.note()
    TOOK.labels("a").observe(3)
    now += 1801
    assert lately() == (1, 3), "the first note is older than an hour"
    assert history.lately([NAME])[NAME].mean == 3
    history.note()
    assert len(history._read(folder)) == 2


def test_without_notes_it_is_what_was_ever_counted(folder: Path) -> None:
    TOOK.labels("a").observe(2)
    assert lately() == (1, 2)
    assert history.lately(["holdfast_unit_never_seconds"])["holdfast_unit_never_seconds"].mean == 0.0


def test_counters_that_began_anew_and_a_note_cut_short(folder: Path) -> None:
    for _ in range(3):
        TOOK.labels("a").observe(5)
    history.note()
    for file in folder.iterdir():
        if file.name != "lately.json":
            file.unlink()
    store.after_fork()
    TOOK.labels("a").observe(1)
    assert lately() == (1, 1)
    (folder / "lately.json").write_text("[[1, ")
    assert lately() == (1, 1)
    history.note()
    assert len(history._read(folder)) == 1
