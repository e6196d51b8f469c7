"""What kills did to people who upload: counted while it happens, by all threads together."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

MIB = 2**20


@dataclass
class Ledger:
    """What happened. `faults` names every promise that was broken; it must be empty.

    `acknowledged` counts the bytes the server said it has, over all files; `interrupted` the requests that a kill ended
    without an answer (those that met a closed door, while a server starts again, are not counted).
    """

    files: int = 0
    interrupted: int = 0
    acknowledged: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _kills: list[float] = field(default_factory=list)
    _met: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def kills(self) -> int:
        return len(self._kills)

    @property
    def met(self) -> int:
        """Kills during which at least one request was under way that then ended without an answer."""
        return len(self._met)

    def killing(self, kind: str) -> None:
        """Called right before the signal is sent."""
        with self._lock:
            self._kills.append(time.monotonic())
            self.kinds[kind] += 1

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around one request. One that ends without an answer raises nothing; it is counted, with the kills it lived to see."""
        started = time.monotonic()
        try:
            yield
        except requests.RequestException:
            with self._lock:
                met = {number for number, at in enumerate(self._kills) if at >= started}
                self.interrupted += bool(met)
                self._met |= met
            time.sleep(0.02)  # nobody may listen right now

    def told(self, before: int, offset: int) -> int:
        """The server told an offset: never less than one it told before. Return it."""
        with self._lock:
            self.acknowledged += max(0, offset - before)
        if offset < before:
            self.fault(f"offset {offset} was told after {before}")
        return offset

    def fault(self, what: str) -> None:
        with self._lock:
            self.faults.append(what)

    def whole(self) -> None:
        with self._lock:
            self.files += 1

    def require_evidence(self, kills: int) -> None:
        """No promise was broken, and the kills were such that it would have shown."""
        assert self.faults == []
        assert self.kills >= kills
        assert self.met >= kills / 2, f"only {self.met} of {kills} kills met a request: this proves little"
        assert self.acknowledged >= kills * 0.3 * MIB, "hardly a byte was acknowledged: this proves little"
        assert self.files >= kills / 20

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} of {kind}" for kind, count in sorted(self.kinds.items()))
        kills = f"{self.kills} SIGKILLs ({kinds}), {self.met} of them met a request, {self.interrupted} requests got no answer"
        return f"{kills}; {self.files} files whole, {self.acknowledged / MIB:.1f} MiB acknowledged; broken promises: {len(self.faults)}"
