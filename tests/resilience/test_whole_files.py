"""Files replaced as a whole: old or new, never a part, and nothing left beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resilience.naming import require_sole
from resilience.whole_files import replace_text


def test_a_file_and_its_folder_are_made_and_then_replaced(tmp_path: Path) -> None:
    file = tmp_path / "run" / "drain.json"
    replace_text(file, "first")
    replace_text(file, "second", durable=True)
    assert file.read_text() == "second"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("what", ["fsync", "replace"])
def test_a_disk_that_takes_no_more_keeps_the_old_content_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    file = tmp_path / "drain.json"
    replace_text(file, "first")

    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if what == "fsync" else (Path, "replace", full)))
    with pytest.raises(OSError, match="No space left"):
        replace_text(file, "second", durable=True)
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_durable_is_on_the_disk_before_it_takes_the_old_ones_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, steps = tmp_path / "drain.json", []
    replace_text(file, "first")
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append(file.read_text()), sync(descriptor)))
    replace_text(file, "second", durable=True)
    assert steps == ["first", "second"], "the file before, its folder after"


def test_a_name_in_a_registry_is_one_functions() -> None:
    def one() -> None: ...

    def other() -> None: ...

    require_sole("reapers", "work", known=None, new=one)
    require_sole("reapers", "work", known=one, new=one)
    with pytest.raises(ValueError, match="Two reapers are named work"):
        require_sole("reapers", "work", known=one, new=other)
