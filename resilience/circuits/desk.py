"""What a process reads and tells about its circuits. Every method waits for the database: only the keeper's thread comes here."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from resilience.faults import point
from resilience.models.circuits import BY_HAND, CircuitState

from . import statements
from .limits import Limits
from .link import Link, LinkDown
from .statements import Batch, Move
from .view import NEVER, Permit, Snapshot

log = structlog.get_logger(__name__)


class Member(Protocol):
    """A circuit of this process, as the desk knows it."""

    key: str
    seen: Snapshot

    def limits(self) -> Limits: ...
    def tell_figures(self) -> None: ...
    def learn(self, seen: Snapshot) -> None: ...
    def take(self, *, also_healthy: bool) -> Batch | None: ...
    def give_back(self, batch: Batch) -> None: ...
    def give_up_granted(self) -> Permit | None: ...
    def tell(self, before: CircuitState, after: CircuitState) -> None: ...


class Desk:
    """Raises LinkDown wherever the database does not answer; nothing is lost by asking again."""

    def __init__(self, link: Link, members: Callable[[], Collection[Member]]) -> None:
        self.link = link
        self.snapshots: dict[str, Snapshot] = {}
        self.read_at = NEVER
        self._members = members
        self._ensured: set[str] = set()

    def look(self) -> None:
        """Read all circuits and let those of this process know. Put down rows that are missing, and end forced times that are over."""
        members = {member.key: member for member in self._members()}
        for member in members.values():
            member.tell_figures()
            if (unused := member.give_up_granted()) is not None and unused.version is not None:
                statements.release_trial(self.link, member.key, version=unused.version)
        if new := [(key, member.limits()) for key, member in members.items() if key not in self._ensured]:
            statements.ensure(self.link, new)
            self._ensured |= {key for key, _limits in new}
        self._read(members)
        if [member for member in members.values() if self._end_forced(member)]:
            self._read(members)

    def push(self, *, also_healthy: bool = False) -> None:
        """Tell what was counted, of all circuits in one statement; learn at once what that opened, and what others moved."""
        members = {member.key: member for member in self._members()}
        batches = [batch for member in members.values() if (batch := member.take(also_healthy=also_healthy)) is not None]
        if not batches:
            return
        try:
            moves, late = statements.count(self.link, batches)
        except LinkDown:
            for batch in batches:
                members[batch.name].give_back(batch)
            raise
        point("circuits.push.counted")
        for move in moves:
            self._tell(members[move.name], move)
        if moves or late:
            self._read(members)

    def begin_trial(self, member: Member, version: int) -> Permit | None:
        """Take the fleet's lease, or learn why not."""
        lease = member.limits().lease_seconds
        move = statements.begin_trial(self.link, member.key, version=version, lease_seconds=lease)
        if move is None:
            self.look()
            return None
        point("circuits.trial.leased")
        now = time.monotonic()
        member.learn(Snapshot(CircuitState.HALF_OPEN, move.version, trial_until=now + lease, cause=member.seen.cause, known=True, read_at=now))
        if move.before is CircuitState.OPEN:
            self._tell(member, move)
        return Permit(move.version, trial=True)

    def trial_succeeded(self, member: Member, version: int) -> None:
        self._after_trial(member, statements.trial_succeeded(self.link, member.key, version=version, enough=member.limits().good_trials))

    def trial_failed(self, member: Member, version: int, error: str) -> None:
        self._after_trial(member, statements.trial_failed(self.link, member.key, version=version, error=error, limits=member.limits()))

    def release_trial(self, member: Member, version: int) -> None:
        statements.release_trial(self.link, member.key, version=version)
        self.look()

    def _after_trial(self, member: Member, move: Move | None) -> None:
        if move is not None:
            self._tell(member, move)
            self._read({member.key: member for member in self._members()})

    def _read(self, members: dict[str, Member]) -> None:
        self.snapshots = statements.read_all(self.link)
        self.read_at = time.monotonic()
        for key, member in members.items():
            member.learn(self.snapshots.get(key) or Snapshot(read_at=self.read_at))

    def _end_forced(self, member: Member) -> bool:
        seen = member.seen
        if seen.state not in BY_HAND or seen.is_forced(time.monotonic()):
            return False
        move = statements.end_forced(self.link, member.key, version=seen.version)
        if move is not None:
            self._tell(member, move)
        return True

    def _tell(self, member: Member, move: Move) -> None:
        (log.warning if move.after is CircuitState.OPEN else log.info)("circuit.moved", circuit=move.name, before=move.before.value, after=move.after.value)
        member.tell(move.before, move.after)
