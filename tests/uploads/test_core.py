"""The append core, as a state machine: whatever order things happen in, nothing is committed that was not written."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from uploads.append.core import SNIFF_BYTES, Append, BeyondAnnounced, Pace

LENGTH = 300_000


class AppendMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.offsets = [0]
        self.core = Append(committed=0, length=LENGTH, pace=Pace(checkpoint_bytes=50_000, checkpoint_seconds=2.0), started=0.0)

    @rule(size=st.integers(min_value=1, max_value=80_000), share=st.floats(min_value=0, max_value=1))
    def write(self, size: int, share: float) -> None:
        fits = self.core.written + size <= LENGTH
        try:
            self.core.offer(size)
        except BeyondAnnounced:
            assert not fits
            return
        assert fits
        self.core.wrote(int(size * share))

    @rule(seconds=st.floats(min_value=0, max_value=5))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.core.pending)
    @rule()
    def commit(self) -> None:
        self.core.committed_at(self.core.written, self.now)
        self.offsets.append(self.core.committed)
        assert not self.core.checkpoint_due(self.now)

    @rule()
    def the_offset_never_goes_back_or_ahead(self) -> None:
        for wrong in (self.core.committed - 1, self.core.written + 1):
            with pytest.raises(ValueError, match="cannot go"):
                self.core.committed_at(wrong, self.now)

    @invariant()
    def order_holds(self) -> None:
        assert self.offsets == sorted(self.offsets)
        assert 0 <= self.core.committed <= self.core.written <= LENGTH
        assert self.core.complete == (self.core.written == LENGTH)
        assert self.core.pending == self.core.written - self.core.committed

    @invariant()
    def a_checkpoint_is_due_by_bytes_or_by_time(self) -> None:
        due = self.core.checkpoint_due(self.now)
        assert due == (self.core.pending > 0 and (self.core.pending >= 50_000 or self.core.seconds_to_checkpoint(self.now) == 0))


TestAppendMachine = AppendMachine.TestCase


@pytest.mark.parametrize(("length", "written", "due"), [(10, 9, False), (10, 10, True), (10**6, SNIFF_BYTES - 1, False), (10**6, SNIFF_BYTES, True)])
def test_the_first_bytes_are_judged_when_there_are_enough(length: int, written: int, due: bool) -> None:
    core = Append(committed=0, length=length, pace=Pace(1, 1.0), started=0.0)
    core.wrote(written)
    assert core.sniff_due() is due
    core.sniffed = True
    assert not core.sniff_due()
