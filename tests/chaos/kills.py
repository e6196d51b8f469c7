"""SIGKILL of workers and whole web servers at random moments while people upload, and the ledger of what that did to them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import psutil
import requests

from tests.chaos.ledger import MIB, Ledger
from tests.uploads.server import Server

KILLS = int(os.environ.get("CHAOS_KILLS", "60"))  # of the longer runs; 200 take several minutes each
SEED = int(os.environ.get("CHAOS_SEED", "7"))
SMALL = {"DJANGO_SETTINGS_MODULE": "tests.chaos.small_parts"}
KINDS = {"a worker": 6, "all workers": 3, "a server": 1}
BETWEEN = 320 * 2**10  # bytes acknowledged between any two kills, at least
PATIENCE_SECONDS = 60.0
MOST = 5  # times as many kills as were asked for, should few of them meet a request

Stored = Callable[[str], bytes]


class Slowly(io.BytesIO):
    """A body that takes its time, as bodies from a distance do: most kills then meet one on its way."""

    def __init__(self, data: bytes, chance: random.Random) -> None:
        super().__init__(data)
        self._chance = chance

    def read(self, size: int | None = -1) -> bytes:
        time.sleep(self._chance.uniform(0, 0.006))
        return super().read(size)


@dataclass
class Person:
    """Uploads one file after the other through whatever happens, and compares each with its original.

    Args:
        servers: any request goes to any of them.
        stored: returns the bytes stored for a storage key.
    """

    servers: Sequence[Server]
    ledger: Ledger
    chance: random.Random
    stored: Stored

    def upload(self, size: int) -> None:
        data = self.chance.randbytes(size + self.chance.randrange(size))
        path, public_id = self._create(len(data))
        told, deadline = 0, time.monotonic() + 2 * PATIENCE_SECONDS
        while told < len(data):
            assert time.monotonic() < deadline, f"{public_id} is not done: {told} of {len(data)}"
            offset = self._ask(path)
            while offset is not None:
                told = self.ledger.told(told, offset)
                offset = self._send(path, offset, data) if offset < len(data) else None
        self._compare(public_id, data)

    def _compare(self, public_id: str, data: bytes) -> None:
        [(key, committed)] = self.servers[0].sql("SELECT storage_key, committed FROM uploads_uploadsession WHERE public_id = %s", public_id)
        if committed != len(data) or hashlib.sha256(self.stored(key)).digest() != hashlib.sha256(data).digest():
            self.ledger.fault(f"{public_id}: {committed} of {len(data)} committed, or other bytes than were sent")
        self.ledger.whole()

    def _create(self, size: int) -> tuple[str, str]:
        """Create an upload through anything: the same key makes the same one again when the answer was lost."""
        key, deadline = f"kills-{self.chance.random()}", time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            server = self.chance.choice(self.servers)
            if answer := self._answer(201, partial(server.create, size, **{"Idempotency-Key": key})):
                return answer.headers["Location"], answer.headers["Holdfast-Upload"]
        raise AssertionError(f"no upload could be created in {PATIENCE_SECONDS} s")

    def _ask(self, path: str) -> int | None:
        """Return the offset; None when no answer came, or none that says it: ask again then."""
        server = self.chance.choice(self.servers)
        answer = self._answer(200, partial(server.head, server.url + path))
        return int(answer.headers["Upload-Offset"]) if answer else None

    def _send(self, path: str, offset: int, data: bytes) -> int | None:
        """Send some more; return the offset acknowledged, or None as `_ask`."""
        server, end = self.chance.choice(self.servers), offset + self.chance.randrange(1, 2 * MIB)
        answer = self._answer(204, partial(server.patch, server.url + path, offset, Slowly(data[offset:end], self.chance)))
        return int(answer.headers["Upload-Offset"]) if answer else None

    def _answer(self, status: int, ask: Callable[[], requests.Response]) -> requests.Response | None:
        """Return an answer of this status. A server that was just killed may be gone, or busy (423, 503); all else breaks a promise."""
        answer: requests.Response | None = None
        with self.ledger.asking():
            answer = ask()
        if answer is None or answer.status_code in (423, 503):
            return None
        assert answer.status_code == status, f"{answer.request.method} was answered with {answer.status_code}: {answer.text}"
        return answer


def upload_under_kills(servers: Sequence[Server], *, kills: int, stored: Stored, seed: int = SEED, size: int = 3 * MIB, people: int = 3) -> Ledger:
    """Kill again and again, until half of `kills` have met a request; `people` upload one file after the other, and finish the one they are at.

    Between two kills at least `BETWEEN` bytes are acknowledged, then a random while passes. One in ten kills takes a whole server, which
    is then started again; three take all its workers at once.

    Args:
        servers: sharing one database; people ask any of them.
        stored: returns the bytes stored for a storage key.
        size: bytes of each file, up to twice that.
    """
    ledger, over = Ledger(), threading.Event()

    def live(number: int) -> None:
        chance = random.Random(f"{seed}-{number}")
        person = Person(servers, ledger, chance, stored)
        try:
            while not over.is_set():
                person.upload(size)
        except Exception as failure:
            ledger.fault(f"person {number} gave up: {failure!r}")

    threads = [threading.Thread(target=live, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    try:
        _kill(servers, ledger, random.Random(seed), kills)
    finally:
        over.set()
        for thread in threads:
            thread.join(4 * PATIENCE_SECONDS)
    return ledger


def _kill(servers: Sequence[Server], ledger: Ledger, chance: random.Random, kills: int) -> None:
    while (ledger.kills < kills or ledger.met < kills / 2) and ledger.kills < MOST * kills and not ledger.faults:
        _wait_for_progress(ledger)
        time.sleep(chance.uniform(0, 0.25))
        server, (kind,) = chance.choice(servers), chance.choices(list(KINDS), list(KINDS.values()))
        if workers := server.workers():
            ledger.killing(kind)
            if kind == "a server":
                kill_server(server)
                server.start()
            else:
                for worker in workers if kind == "all workers" else [chance.choice(workers)]:
                    _end(worker)


def _wait_for_progress(ledger: Ledger) -> None:
    start, deadline = ledger.acknowledged, time.monotonic() + PATIENCE_SECONDS
    while ledger.acknowledged < start + BETWEEN and not ledger.faults:
        if time.monotonic() > deadline:
            ledger.fault(f"nothing went on for {PATIENCE_SECONDS} s")
        time.sleep(0.01)


def kill_server(server: Server) -> None:
    """SIGKILL for the master and all its workers; nobody is left when this returns."""
    workers = server.workers()
    server.stop(signal.SIGKILL)
    _gone, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended meanwhile
        process.kill()
