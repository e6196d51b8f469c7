"""A process that takes too much memory collects, and if that does not help is replaced, one of a host at a time; a full disk has room made."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience import memory, monitor, pressure, reapers
from resilience.memory import Growth
from resilience.metrics import current
from resilience.models import Reaper
from resilience.monitor import Monitor
from resilience.watching import strain
from resilience.watching.readiness import State

MIB = 2**20


def samples(growth: Growth, sizes: list[float], *, step: float = 60.0, per_size: int = 5) -> Growth:
    """Feed sizes in MiB, each for one window."""
    now = 0.0
    for size in [sizes[0], *sizes]:  # the first window is the start
        for _ in range(per_size):
            growth.note(now, int(size * MIB))
            now += step
    growth.note(now, int(sizes[-1] * MIB))
    return growth


def test_memory_that_only_grows_is_a_leak_and_says_how_fast() -> None:
    growth = samples(Growth(), [100, 120, 140, 160, 180, 200, 220])
    assert growth.baseline == 100 * MIB
    assert growth.leaks
    assert growth.per_hour == pytest.approx(240 * MIB, rel=0.01)


@pytest.mark.parametrize("sizes", [[100, 300, 300, 300, 300, 300], [100, 200, 150, 220, 160, 240], [100, 101, 102, 103, 104, 105], [100, 150, 200]])
def test_memory_that_rose_once_or_comes_and_goes_or_hardly_grows_is_none(sizes: list[float]) -> None:
    assert not samples(Growth(), sizes).leaks


def test_a_peak_within_a_window_is_load() -> None:
    growth = Growth()
    for window in range(8):
        for sample in range(5):
            growth.note((window * 5 + sample) * 60.0, (100 + (300 if sample == 2 else 0)) * MIB)
    assert not growth.leaks
    assert growth.baseline == 100 * MIB


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=200))
def test_whatever_it_is_told_its_figures_stay_within_what_it_was_told(sizes: list[int]) -> None:
    growth = Growth()
    for number, size in enumerate(sizes):
        growth.note(number * 60.0, size)
    assert min(sizes) <= growth.baseline <= max(sizes)
    assert abs(growth.per_hour) <= (max(sizes) - min(sizes)) * 12


def test_a_containers_limit_counts_before_the_machines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{700 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{500 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {100 * MIB}\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert (memory.machine_limit(), memory.machine_used()) == (700 * MIB, 400 * MIB)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.machine_limit() > 700 * MIB


def test_our_own_memory_is_known() -> None:
    assert 10 * MIB < memory.rss() < memory.machine_limit()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> list[int]:
    """What this process uses at each look, in MiB, of 100."""
    settings.VAR_DIR, settings.MEMORY_LIMIT = tmp_path, 100 * MIB
    told: list[int] = []
    monkeypatch.setattr(memory, "rss", lambda: (told.pop(0) if len(told) > 1 else told[0]) * MIB)
    monkeypatch.setattr(memory, "machine_used", lambda: 0)
    return told


def watched() -> tuple[Monitor, list[str]]:
    replaced: list[str] = []
    return Monitor("test", replace=lambda: replaced.append("now")), replaced


def test_below_the_mark_nothing_happens(sizes: list[int]) -> None:
    watch, replaced = watched()
    sizes[:] = [80]
    before = current("holdfast_process_collections_total", role="test")
    watch.look_at_memory(now=0)
    assert (replaced, current("holdfast_process_collections_total", role="test")) == ([], before)


def test_where_collecting_helps_nothing_is_replaced(sizes: list[int]) -> None:
    watch, replaced = watched()
    sizes[:] = [85, 60]
    before = current("holdfast_process_collections_total", role="test")
    watch.look_at_memory(now=0)
    assert (replaced, current("holdfast_process_collections_total", role="test")) == ([], before + 1)


def test_a_process_over_the_mark_is_replaced_and_the_next_only_after_a_while(sizes: list[int], tmp_path: Path) -> None:
    (watch, replaced), (other, replaced_too) = watched(), watched()
    sizes[:] = [85]
    watch.look_at_memory(now=0)
    other.look_at_memory(now=0)
    assert (replaced, replaced_too) == (["now"], [])
    past = time.time() - monitor.BETWEEN_REPLACEMENTS - 1
    os.utime(tmp_path / "run" / "replacements.lock", (past, past))
    other.look_at_memory(now=30)
    assert replaced_too == ["now"]


def test_where_all_together_use_too_much_one_that_has_grown_goes(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_used", lambda: memory.machine_limit())
    (small, kept), (large, replaced) = watched(), watched()
    sizes[:] = [20]
    small.look_at_memory(now=0)
    large._growth.note(0.0, 5 * MIB)
    large._growth.settle = 0.0
    large.look_at_memory(now=1)
    assert (kept, replaced) == ([], ["now"])


def disk(name: str, share: float) -> pressure.Disk:
    return pressure.Disk((name,), free=round(share * 1000), total=1000)


@pytest.mark.django_db
def test_a_full_disk_has_everything_run_that_frees_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reapers, "_REAPERS", {})
    reapers.reaper("room", every=timedelta(days=1), frees_disk=True)(lambda *, dry_run: 0)
    later = time_from_now(hours=5)
    Reaper.objects.create(name="room", every=timedelta(days=1), due_at=later)
    monkeypatch.setattr(pressure, "disks", lambda: [disk("VAR_DIR", 0.06)])
    monitor.look_at_disks()
    assert Reaper.objects.get().due_at == later
    monkeypatch.setattr(pressure, "disks", lambda: [disk("VAR_DIR", 0.5), disk("UPLOAD_DIR", 0.04)])
    monitor.look_at_disks()
    assert Reaper.objects.get().due_at < later


def time_from_now(**length: float) -> Any:
    from django.utils import timezone

    return timezone.now() + timedelta(**length)


@pytest.mark.parametrize(("free", "state"), [(0.2, State.OK), (0.08, State.DEGRADED), (0.04, State.UNAVAILABLE)])
def test_readyz_tells_of_the_disk(monkeypatch: pytest.MonkeyPatch, free: float, state: State) -> None:
    monkeypatch.setattr(pressure, "disks", lambda: [disk("VAR_DIR", free)])
    assert strain.disk().state is state


def test_readyz_tells_that_new_uploads_are_refused_and_why(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    assert strain.memory_of_process().state is State.OK
    settings.MEMORY_LIMIT = 1
    assert strain.memory_of_process().state is State.DEGRADED
    assert "too little memory" in strain.shedding().said
    settings.UPLOAD_STORE, settings.MEMORY_LIMIT = "s3", 0
    assert strain.shedding().state is State.OK
