"""What is refused first when it gets tight: new uploads, then conversions, never the bytes of an upload that began."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience import pressure
from resilience.circuits import CircuitOpen
from resilience.database.waits import Waits
from resilience.metrics import current
from resilience.shedding import Marks, Pressure, Reason, Work, shed
from resilience.tasks.failure import describe

MARKS = {Work.UPLOAD: Marks(disk_free=0.10, memory=0.95, pool_wait=1.0), Work.CONVERSION: Marks(disk_free=0.05, memory=0.95)}


@pytest.mark.parametrize(
    ("tight", "upload", "conversion"),
    [
        (Pressure(), None, None),
        (Pressure(disk_free=0.10), None, None),
        (Pressure(disk_free=0.0999), Reason.DISK, None),
        (Pressure(disk_free=0.0499), Reason.DISK, Reason.DISK),
        (Pressure(memory=0.95), None, None),
        (Pressure(memory=0.96), Reason.MEMORY, Reason.MEMORY),
        (Pressure(pool_wait=1.0), None, None),
        (Pressure(pool_wait=1.01), Reason.POOL, None),
        (Pressure(disk_free=0.01, memory=2.0, pool_wait=9.0), Reason.DISK, Reason.DISK),
    ],
)
def test_the_table(tight: Pressure, upload: Reason | None, conversion: Reason | None) -> None:
    assert (shed(Work.UPLOAD, tight, MARKS), shed(Work.CONVERSION, tight, MARKS)) == (upload, conversion)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 3), st.floats(0, 60))
def test_whatever_stops_conversions_stops_new_uploads_first(free: float, memory: float, waited: float) -> None:
    tight = Pressure(disk_free=free, memory=memory, pool_wait=waited)
    if shed(Work.CONVERSION, tight, pressure.marks()) is not None:
        assert shed(Work.UPLOAD, tight, pressure.marks()) is not None


def test_a_refusal_says_when_to_come_again_is_counted_and_costs_a_task_no_try(settings: Any) -> None:
    before = current("holdfast_shed_total", work="conversion", reason="disk")
    with pytest.raises(pressure.Stretched) as refused:
        pressure.require_ease(Work.CONVERSION, disk_free=0.01)
    assert current("holdfast_shed_total", work="conversion", reason="disk") == before + 1
    assert int(refused.value.headers()["Retry-After"]) == 20
    assert describe(refused.value).snooze == 20
    assert isinstance(refused.value, CircuitOpen)
    pressure.require_ease(Work.CONVERSION, disk_free=0.06)
    settings.DISK_FULL_SHARE = 0.07
    with pytest.raises(pressure.Stretched):
        pressure.require_ease(Work.CONVERSION, disk_free=0.06)


def test_memory_over_the_limit_refuses_too(settings: Any) -> None:
    settings.MEMORY_LIMIT = 1  # a byte: this process is over it
    with pytest.raises(pressure.Stretched) as refused:
        pressure.require_ease(Work.UPLOAD, disk_free=1.0)
    assert refused.value.reason is Reason.MEMORY


def test_a_folder_that_is_not_there_yet_has_the_room_of_where_it_will_be(tmp_path: Path) -> None:
    assert pressure.disk_free(tmp_path / "not" / "there") == pytest.approx(pressure.disk_free(tmp_path), abs=0.05)


def test_disks_are_named_by_what_lies_on_them(settings: Any, tmp_path: Path) -> None:
    for name in ("VAR_DIR", "UPLOAD_DIR", "WORK_DIR", "RENDITION_DIR"):
        setattr(settings, name, tmp_path / name)
    [disk] = pressure.disks()
    assert disk.name == "VAR_DIR+UPLOAD_DIR+WORK_DIR+RENDITION_DIR"
    assert 0 < disk.share < 1
    assert disk.share == disk.free / disk.total


def test_the_longest_wait_for_a_connection_is_seen_while_it_lasts_and_a_moment_after(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("resilience.database.waits.time.monotonic", lambda: now[0])
    waits, inside, leave = Waits(), threading.Event(), threading.Event()

    def wait() -> None:
        with waits.waiting():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        assert inside.wait(60)
        now[0] = 101.5
        with waits.waiting():
            assert waits.longest() == 1.5, "the one that waits longest, not the newest"
    finally:
        leave.set()
        thread.join(60)
    now[0] = 103.4
    assert waits.longest() == 1.5
    now[0] = 103.6
    assert waits.longest() == 0.0
