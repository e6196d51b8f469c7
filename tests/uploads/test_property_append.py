"""The append contract under kills between any two system calls and power cuts at any moment, in any order hypothesis can think of.

The core and the disk store are the real ones, over a simulated disk; the row is modeled. Several processes write at once: their steps
mix, some die, some were fenced and do not know it yet.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.uploads.simulated_disk import Died, Kernel
from uploads.append.core import Append, Pace
from uploads.store import StoreBusy, disk
from uploads.store.disk import DiskStore

KEY = "upl_simulated"
DATA = random.Random(3).randbytes(4000)
FUSES = st.one_of(st.none(), st.integers(min_value=0, max_value=3))


class Row:
    """What the database holds. It keeps its promises: a commit is there after a power cut."""

    def __init__(self) -> None:
        self.state, self.committed, self.epoch = "creating", 0, 0

    def take(self) -> tuple[int, int]:
        self.epoch += 1
        return self.epoch, self.committed

    def commit(self, *, epoch: int, old: int, new: int) -> bool:
        if (self.epoch, self.committed) != (epoch, old):
            return False
        self.committed = new
        return True


class AppendUnderFaults(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-simulated-"))
        self.kernel, self.row, self.store = Kernel(), Row(), DiskStore(self.folder)
        self.real = disk.os, disk.fcntl
        disk.os = disk.fcntl = self.kernel  # type: ignore[assignment]
        self.writers: dict[int, Iterator[None]] = {}
        self.told, self.processes = [0], 0

    def teardown(self) -> None:
        disk.os, disk.fcntl = self.real
        shutil.rmtree(self.folder)

    @initialize(fuse=FUSES, cut=st.booleans(), data=st.data())
    def create(self, fuse: int | None, cut: bool, data: st.DataObject) -> None:
        """Row, file, both durable, then `receiving`; whoever dies on the way begins again with the same key."""
        try:
            self.kernel.fuse = fuse
            self.store.create(KEY)
            self.row.state = "receiving"
        except Died:
            self.kernel.fuse = None
            if cut:
                self.kernel.cut_power(lambda: data.draw(st.booleans()))
            self.store.create(KEY)
            self.row.state = "receiving"
        self.kernel.fuse = None

    @precondition(lambda self: len(self.writers) < 3)
    @rule(part=st.integers(min_value=1, max_value=700), checkpoint=st.integers(min_value=1, max_value=1500))
    def a_request_comes(self, part: int, checkpoint: int) -> None:
        self.processes += 1
        self.writers[self.processes] = self.write(part, Pace(checkpoint_bytes=checkpoint, checkpoint_seconds=1e9))

    def write(self, part: int, pace: Pace) -> Iterator[None]:
        """The order of one append, step by step; each `yield` is a moment in which anything else may happen."""
        try:
            appender = self.store.open(KEY)
        except StoreBusy:
            return
        yield
        epoch, committed = self.row.take()
        yield
        size = appender.size()
        assert size >= committed, "the storage lost bytes that were promised"
        if size > committed:
            appender.truncate(committed)
        core = Append(committed=committed, length=len(DATA), pace=pace, started=0.0, sniffed=True)
        while not core.complete:
            yield
            chunk = DATA[core.written : core.written + part]
            core.offer(len(chunk))
            appender.write(chunk, offset=core.written)
            core.wrote(len(chunk))
            if core.checkpoint_due(0.0) or core.complete:
                new = core.written
                yield
                appender.sync()
                yield
                if not self.row.commit(epoch=epoch, old=core.committed, new=new):
                    break  # fenced: nothing is acknowledged
                core.committed_at(new, 0.0)
                yield
                self.told.append(new)
        appender.close()

    @precondition(lambda self: self.writers)
    @rule(data=st.data(), steps=st.integers(min_value=1, max_value=12), fuse=FUSES, cut=st.booleans())
    def one_goes_on(self, data: st.DataObject, steps: int, fuse: int | None, cut: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.writers)))
        self.kernel.process, self.kernel.fuse = number, fuse
        try:
            for _ in range(steps):
                next(self.writers[number])
        except StopIteration:
            del self.writers[number]
        except Died:
            del self.writers[number]
            self.kernel.kill(number)
            if cut:
                self.power_goes(data)
        self.kernel.fuse = None

    @precondition(lambda self: self.writers)
    @rule(data=st.data())
    def one_is_killed(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.writers)))
        del self.writers[number]
        self.kernel.kill(number)

    @rule(data=st.data())
    def power_goes(self, data: st.DataObject) -> None:
        self.writers.clear()
        self.kernel.cut_power(lambda: data.draw(st.booleans()))

    @rule()
    def somebody_asks(self) -> None:
        """HEAD fences whoever writes, and tells the offset."""
        self.row.epoch += 1
        self.told.append(self.row.committed)

    @invariant()
    def acknowledged_is_committed_is_durable(self) -> None:
        if self.row.state != "receiving":
            return
        stored = self.kernel.files[str(self.store.path(KEY))]
        assert self.told[-1] <= self.row.committed
        assert stored.disk[: self.row.committed] == DATA[: self.row.committed]
        assert stored.cache[: self.row.committed] == DATA[: self.row.committed]
        assert stored.listed, "after a power cut there would be no such file"

    @invariant()
    def no_offset_told_goes_back(self) -> None:
        assert all(before <= after for before, after in zip(self.told, self.told[1:], strict=False)), self.told


AppendUnderFaults.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAppendUnderFaults = AppendUnderFaults.TestCase
