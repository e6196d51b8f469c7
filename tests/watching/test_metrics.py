from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from resilience.metrics import counter, current, gauge, histogram
from resilience.metrics import store as storing
from resilience.metrics.declare import MOST_LABEL_SETS
from resilience.metrics.exposition import exposition
from resilience.metrics.store import store

THINGS = counter("holdfast_unit_things_total", "Things.", ["kind"])
PLAIN = counter("holdfast_unit_plain_total", "Plain.")
BUSY = gauge("holdfast_unit_busy", "Busy.")
TOOK = histogram("holdfast_unit_took_seconds", "Took.", ["kind"], buckets=(0.1, 1.0))


def test_what_is_counted_is_told_as_prometheus_reads_it(folder: Path, db: None) -> None:
    THINGS.labels("a").inc()
    THINGS.labels(kind='b"\n\\').inc(2)
    BUSY.set(4)
    BUSY.dec()
    for seconds in (0.05, 0.5, 5.0):
        TOOK.labels("a").observe(seconds)
    families = {family.name: family for family in text_string_to_metric_families(exposition().decode())}
    assert {(sample.labels["kind"], sample.value) for sample in families["holdfast_unit_things"].samples} == {("a", 1), ('b"\n\\', 2)}
    assert [sample.value for sample in families["holdfast_unit_plain"].samples] == [0], "never counted stands at 0"
    assert [sample.value for sample in families["holdfast_unit_busy"].samples] == [3]
    buckets = {sample.labels["le"]: sample.value for sample in families["holdfast_unit_took_seconds"].samples if sample.name.endswith("_bucket")}
    assert buckets == {"0.1": 1, "1.0": 2, "+Inf": 3}


def test_threads_lose_nothing(folder: Path) -> None:
    child = THINGS.labels("thread")
    threads = [threading.Thread(target=lambda: [child.inc() for _ in range(5_000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert current("holdfast_unit_things_total", kind="thread") == 40_000


def test_on_a_full_disk_it_counts_in_memory_and_stores_that_when_there_is_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allocate = os.posix_fallocate

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    PLAIN.inc(5)
    THINGS.labels("full").inc()
    assert current("holdfast_unit_plain_total") == 5, "this process still tells what it knows"
    monkeypatch.setattr(os, "posix_fallocate", allocate)
    monkeypatch.setattr(storing, "RETRY_SECONDS", 0.0)
    store._retry_at = 0.0
    PLAIN.inc()
    THINGS.labels("full").inc()
    store.after_fork()  # as if this process were gone
    assert current("holdfast_unit_plain_total") == 6
    assert current("holdfast_unit_things_total", kind="full") == 2


def test_a_line_cut_short_by_a_full_disk_is_taken_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PLAIN.inc()
    write = os.write
    monkeypatch.setattr(os, "write", lambda number, line: write(number, line[:10]))
    THINGS.labels("short").inc()
    monkeypatch.setattr(os, "write", write)
    store._retry_at = 0.0
    THINGS.labels("short").inc()
    BUSY.inc()
    assert (current("holdfast_unit_plain_total"), current("holdfast_unit_things_total", kind="short"), current("holdfast_unit_busy")) == (1, 2, 1)


def test_a_folder_that_cannot_be_made_stops_nobody(settings: Any, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").touch()
    settings.METRICS_DIR = tmp_path / "file" / "metrics"
    PLAIN.inc()
    assert current("holdfast_unit_plain_total") == 1


def test_more_values_than_fit_one_piece_are_kept_and_their_number_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "MOST_VALUES", storing.PIECE_VALUES + 10)
    many = [counter(f"holdfast_unit_many_n{number}_total", "One of many.", ["kind"]) for number in range(4)]
    for each in many:
        for kind in range(150):
            each.labels(kind).inc(kind)
    assert store._used == storing.PIECE_VALUES + 10
    store.after_fork()
    assert current("holdfast_unit_many_n0_total", kind="149") == 149
    assert current("holdfast_unit_many_n3_total", kind="70") == 70, "in the second piece"
    assert current("holdfast_unit_many_n3_total", kind="80") == 0, "beyond the bound"


def test_labels_beyond_the_limit_are_counted_together(folder: Path) -> None:
    wild = counter("holdfast_unit_wild_total", "Wild.", ["path", "method"])
    for number in range(MOST_LABEL_SETS + 50):
        wild.labels(f"/{number}", "GET").inc()
    assert current("holdfast_unit_wild_total", path="other", method="other") == 50
    assert len(wild._metrics) == MOST_LABEL_SETS + 1


@pytest.mark.parametrize("name", ["requests_total", "holdfast_total", "holdfast_Things_total", "holdfast_unit_things"])
def test_a_counter_is_named_as_all_are(name: str) -> None:
    with pytest.raises(ValueError, match="named"):
        counter(name, "Wrong.")


def test_one_name_is_one_metric() -> None:
    assert counter("holdfast_unit_things_total", "Things.", ["kind"]) is THINGS
    for make in (lambda: counter("holdfast_unit_things_total", "Others.", ["kind"]), lambda: gauge("holdfast_unit_things_total", "Things.", ["kind"])):
        with pytest.raises(ValueError, match="Two metrics"):
            make()


def test_labels_must_fit() -> None:
    for wrong in ({"king": "a"}, {}, {"kind": "a", "more": "b"}):
        with pytest.raises(ValueError, match="label"):
            THINGS.labels(**wrong)
