"""SIGKILL of web workers at random moments while people upload, and the ledger of what that did to them."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import requests

from tests.uploads.server import Server

MIB = 2**20


@dataclass
class Ledger:
    """What happened. `faults` names every promise that was broken; it must be empty.

    `interrupted` counts requests that ended without an answer, `acknowledged` the bytes the server said it has, over all files.
    """

    kills: int = 0
    files: int = 0
    interrupted: int = 0
    acknowledged: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        sent = f"{self.files} files, {self.acknowledged / MIB:.1f} MiB acknowledged"
        return f"{self.kills} SIGKILLs met {self.interrupted} requests; {sent}; broken promises: {len(self.faults)}"


def upload_under_kills(server: Server, *, kills: int, seed: int, stored: Callable[[str], bytes], size: int = 3 * MIB, people: int = 2) -> Ledger:
    """Kill a random worker after 20 to 150 ms, again and again, while `people` upload one file after the other and compare each with its original.

    Args:
        kills: how many; people finish the file they are at.
        stored: returns the bytes stored for a storage key.
        size: bytes of each file, about.
    """
    ledger, over = Ledger(), threading.Event()

    def person(number: int) -> None:
        chance = random.Random(f"{seed}-{number}")
        try:
            while not over.is_set():
                _one_file(server, ledger, chance.randbytes(size + chance.randrange(size)), chance, stored)
        except Exception as failure:
            ledger.faults.append(f"person {number} gave up: {failure!r}")

    threads = [threading.Thread(target=person, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    _kill(server, ledger, random.Random(seed), kills)
    over.set()
    for thread in threads:
        thread.join(120)
    return ledger


def _kill(server: Server, ledger: Ledger, chance: random.Random, kills: int) -> None:
    while ledger.kills < kills:
        time.sleep(chance.uniform(0.02, 0.15))
        workers = server.workers()
        if workers:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended meanwhile
                chance.choice(workers).kill()
                ledger.kills += 1


def _one_file(server: Server, ledger: Ledger, data: bytes, chance: random.Random, stored: Callable[[str], bytes]) -> None:
    path, public_id = _create(server, ledger, len(data), key=f"kills-{chance.random()}")
    told, deadline = 0, time.monotonic() + 90
    while told < len(data):
        if time.monotonic() > deadline:
            raise AssertionError(f"not done in 90 s: {told} of {len(data)}")
        offset = _ask(server, ledger, path)
        while offset is not None and offset < len(data):
            told = _note(ledger, told, offset)
            offset = _patch(server, ledger, path, offset, data[offset : offset + chance.randrange(1, MIB)])
        told = told if offset is None else _note(ledger, told, offset)
    [(key, committed)] = server.sql("SELECT storage_key, committed FROM uploads_uploadsession WHERE public_id = %s", public_id)
    if committed != len(data) or hashlib.sha256(stored(key)).digest() != hashlib.sha256(data).digest():
        ledger.faults.append(f"{public_id}: {committed} of {len(data)} committed, or other bytes than were sent")
    ledger.files += 1
    ledger.acknowledged += told


def _note(ledger: Ledger, before: int, offset: int) -> int:
    """An offset the server told: never less than one it told before."""
    if offset < before:
        ledger.faults.append(f"offset {offset} was told after {before}")
    return offset


def _create(server: Server, ledger: Ledger, size: int, *, key: str) -> tuple[str, str]:
    """Create an upload through anything: the same key makes the same one again when the answer was lost."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            answer = server.create(size, **{"Idempotency-Key": key})
            if answer.status_code == 201:
                return server.address(answer), answer.headers["Holdfast-Upload"]
        ledger.interrupted += 1
        time.sleep(0.02)
    raise AssertionError("no upload could be created in 60 s")


def _ask(server: Server, ledger: Ledger, address: str) -> int | None:
    try:
        answer = server.head(address)
    except requests.RequestException:
        ledger.interrupted += 1
        time.sleep(0.01)
        return None
    return int(answer.headers["Upload-Offset"]) if answer.status_code == 200 else None


def _patch(server: Server, ledger: Ledger, address: str, offset: int, part: bytes) -> int | None:
    """Return the offset acknowledged; None when no answer came or another one than success: ask again then."""
    try:
        answer = server.patch(address, offset, part)
    except requests.RequestException:
        ledger.interrupted += 1
        return None
    return int(answer.headers["Upload-Offset"]) if answer.status_code == 204 else None
