"""Stored bytes against what was received: while an upload is not accepted, the segments of the chain, and for what did not come through us
the sums its storage made; afterwards its whole digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uploads.models import SessionState, UploadSession
from uploads.store import KeepsSums, StoreMissing, Sum, store

from .chain import Comparison, Damage, Fault
from .record import recorded
from .sums import SumComparison

if TYPE_CHECKING:
    from uploads.store import Reader

BLOCK = 4 * 2**20


class BytesDiffer(Exception):
    """What is stored is not what arrived."""

    def __init__(self, damage: Damage) -> None:
        self.damage = damage
        super().__init__(f"{damage.fault.value}: {damage.length} bytes from {damage.start}")


@dataclass(frozen=True, slots=True)
class Compared:
    """Args: sha256: of all that was read. covered: bytes of it that were compared with something. damage: what differs, or None."""

    sha256: str
    covered: int
    damage: Damage | None


def compare(session: UploadSession, blocks: Iterable[bytes]) -> Compared:
    """Read all blocks and compare them.

    Args:
        session: as read before the bytes; an accepted one is compared by its digest, its segments are gone.
        blocks: from the start of the file to its end, or to the committed offset of one that is not complete.
    """
    accepted = session.state == SessionState.ACCEPTED
    _committed, head, segments = (0, "", []) if accepted else recorded(session)
    comparison, whole, size = Comparison(segments, upload=session.public_id, head=head), hashlib.sha256(), 0
    sums = SumComparison([] if accepted else _sums(session))
    with ThreadPoolExecutor(max_workers=1) as beside:  # two digests of the same bytes, side by side
        for block in blocks:
            hashed = beside.submit(whole.update, block)
            comparison.update(block)
            sums.update(block)
            hashed.result()
            size += len(block)
    digest = whole.hexdigest()
    if not accepted:
        return Compared(digest, comparison.covered + sums.covered, comparison.finish() or sums.finish())
    if size != session.length:
        return Compared(digest, size, Damage(Fault.MISSING, min(size, session.length or 0), abs((session.length or 0) - size)))
    return Compared(digest, size, None if digest == session.sha256 else Damage(Fault.CHANGED, 0, size))


def _sums(session: UploadSession) -> list[Sum]:
    place = store()
    return place.sums(session.storage_key) if isinstance(place, KeepsSums) else []


def verified_digest(session: UploadSession, path: Path, check: Callable[[], None]) -> str:
    """Return the SHA-256 of a whole file, after comparing it with the segments it came in.

    Raises:
        BytesDiffer: it is not what arrived.
        StoreMissing: there is no such file.
        Whatever `check` raises, which is called for every block.
    """
    try:
        compared = compare(session, blocks_of_path(path, check))
    except FileNotFoundError:
        raise StoreMissing from None
    if compared.damage is not None:
        raise BytesDiffer(compared.damage)
    return compared.sha256


def blocks_of_path(path: Path, check: Callable[[], None]) -> Iterator[bytes]:
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            yield block
            check()


def blocks_of_reader(reader: Reader, *, size: int) -> Iterator[bytes]:
    """Args: size: bytes to read at most."""
    try:
        first = 0
        while first < size and (block := reader.read(first=first, count=min(BLOCK, size - first))):
            yield block
            first += len(block)
    finally:
        reader.close()
