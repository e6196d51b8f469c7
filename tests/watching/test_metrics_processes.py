"""Several processes count together, are killed, forked and recycled: what they counted stays, what they were doing does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resilience.metrics import current, merge
from resilience.metrics.merge import fold_dead

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "tests.watching.counting", str(folder), what], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@contextmanager
def living(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has counted and stays; killed at the end, whatever became of the test."""
    with start(folder, "stay") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "counted\n"
            yield process
        finally:
            process.kill()


def run(folder: Path, what: str) -> str:
    with start(folder, what) as process:
        said, _ = process.communicate(timeout=60)
    return said.strip()


def things() -> float:
    return current("holdfast_test_things_total", kind="a")


def test_what_living_processes_count_is_added_up_and_outlives_a_kill(folder: Path) -> None:
    with living(folder) as first, living(folder) as second:
        assert (things(), current("holdfast_test_busy"), current("holdfast_test_most")) == (2, 2, 1)
        first.kill()
        first.wait()
        assert (things(), current("holdfast_test_busy")) == (2, 1)
        second.kill()
        second.wait()
    assert (things(), current("holdfast_test_busy")) == (2, 0)
    assert current("holdfast_test_took_seconds_count") == 2
    assert current("holdfast_test_took_seconds_bucket", le="1.0") == 2
    assert current("holdfast_test_took_seconds_bucket", le="0.1") == 0
    assert not list(folder.glob("*.keys"))
    assert not list(folder.glob("*.values"))


def test_a_process_killed_in_the_middle_leaves_its_counts(folder: Path) -> None:
    run(folder, "killed")
    run(folder, "killed")
    assert things() == 6


def test_recycled_workers_leave_no_heap_of_files(folder: Path) -> None:
    assert run(folder, "quick") == "done"
    assert len(list(folder.iterdir())) <= 5  # the last one's two, what was absorbed, and the lock
    assert things() == 30


def test_a_forked_child_counts_its_own_though_a_thread_held_the_locks(folder: Path) -> None:
    assert run(folder, "fork") == "0"
    assert things() == 11


def test_who_dies_while_folding_counts_nothing_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(folder, "killed")

    class Killed(BaseException): ...

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(merge, "_remove", die)
    with pytest.raises(Killed):
        fold_dead(folder)
    monkeypatch.undo()
    assert len(list(folder.glob("*.keys"))) == 1, "died before it removed what it had absorbed"
    assert things() == 3
    assert not list(folder.glob("*.keys"))
    run(folder, "killed")
    assert things() == 6


def test_what_was_absorbed_and_cut_short_by_a_power_cut_begins_at_zero(folder: Path) -> None:
    run(folder, "killed")
    assert things() == 3
    (folder / "absorbed.json").write_text('{"names": [], "val')
    run(folder, "killed")
    assert things() == 3
