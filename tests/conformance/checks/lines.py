"""tus 1.0 over bad lines: dropped, stalled and doubled requests."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable

from tests.conformance.requirement import Skipped, expect, expect_status, requirement
from tests.conformance.speaker import Speaker, Tus, data, offset_of
from tests.conformance.wire import Answer, Line

KIB = 1024
ENDS: dict[str, str] = {"reset": "reset", "closed": "hang_up"}


def settled(speaker: Speaker, url: str, *, at_least: int, seconds: float = 5.0) -> int:
    """Return the offset once it has reached what can be expected, or what it is when the time is up."""
    deadline = time.monotonic() + seconds
    offset = -1
    while time.monotonic() < deadline:
        answer = speaker.head(url)
        if answer.status in (200, 204):
            told = offset_of(answer)
            expect(told >= offset, f"the offset went back from {offset} to {told}")
            offset = told
            if offset >= at_least:
                break
        time.sleep(0.1)
    return offset


def drop_in_the_middle(speaker: Speaker, url: str, content: bytes, *, end: str, headers: dict[str, str] | None = None) -> None:
    """Announce all of `content`, send half of it, and end the connection."""
    line = speaker.begin_patch(url, 0, length=len(content), headers=headers)
    line.send(content[: len(content) // 2])
    time.sleep(0.3)  # a reset takes with it what the server has not read yet
    getattr(line, end)()


@requirement("tus.drop.prefix", "SHOULD", "Core: PATCH", each=ENDS)
def drop_keeps_prefix(tus: Tus, end: str) -> None:
    """A connection lost in the middle keeps what arrived, and the rest completes it"""
    content = data(256 * KIB)
    url = tus.create(len(content))
    drop_in_the_middle(tus, url, content, end=end)
    offset = settled(tus, url, at_least=len(content) // 2)
    expect(offset == len(content) // 2, f"{offset} of {len(content) // 2} bytes were kept")
    expect_status(tus.patch(url, offset, content[offset:]), 204)
    expect(tus.stored(url) in (None, content), "other bytes came back")


@requirement("tus.drop.chunked", "SHOULD", "Core: PATCH")
def drop_chunked(tus: Tus) -> None:
    """A chunked body lost in the middle keeps what arrived"""
    content = data(64 * KIB)
    url = tus.create(len(content))
    with Line(url) as line:
        line.begin("PATCH", tus.headers(tus.patch_headers(0) | {"Transfer-Encoding": "chunked"}))
        line.send(f"{32 * KIB:x}\r\n".encode() + content[: 32 * KIB] + b"\r\n")
        time.sleep(0.3)
    offset = settled(tus, url, at_least=32 * KIB)
    expect(offset == 32 * KIB, f"{offset} of {32 * KIB} bytes were kept")


@requirement("tus.stall.head", "SHOULD", "convention: a new request goes before a stalled one (tus-js-client retries for it)")
def stalled_writer(tus: Tus) -> None:
    """While a PATCH stalls, HEAD is answered; the offset it tells is accepted by the next PATCH"""
    take_over(tus, tus.create(256 * KIB), lambda url, offset, rest: tus.patch(url, offset, rest))


def take_over(speaker: Speaker, url: str, patch: Callable[[str, int, bytes], Answer]) -> None:
    """Stall a PATCH of 256 KiB in the middle, then ask and go on from another connection."""
    content = data(256 * KIB)
    with speaker.begin_patch(url, 0, length=len(content)) as stalled:
        stalled.send(content[: 128 * KIB])
        time.sleep(0.3)
        offset = speaker.offset(url)
        expect(offset <= 128 * KIB, f"the offset is {offset} of {128 * KIB} bytes sent")
        answer = patch(url, offset, content[offset:])
        expect(200 <= answer.status < 300, f"the next PATCH was answered {answer}")
    expect(speaker.offset(url) == len(content), "the upload is not complete")
    expect(speaker.stored(url) in (None, content), "other bytes came back")


@requirement("tus.stall.old-writer", "MUST", "Core: PATCH (409: without modifying the upload)")
def stalled_writer_wakes(tus: Tus) -> None:
    """A stalled writer that wakes up after another one went on changes nothing"""
    content = data(64 * KIB)
    url = tus.create(len(content))
    with tus.begin_patch(url, 0, length=len(content)) as stalled:
        stalled.send(content[: 16 * KIB])
        time.sleep(0.3)
        offset = tus.offset(url)
        answer = tus.patch(url, offset, content[offset : 40 * KIB])
        if answer.status != 204:
            raise Skipped(f"the server does not let a second writer in ({answer})")
        with contextlib.suppress(ConnectionError):
            stalled.send(bytes(8 * KIB))
        time.sleep(0.3)
    expect(tus.offset(url) == 40 * KIB, f"the offset is {tus.offset(url)}, not {40 * KIB}")
    tus.patch(url, 40 * KIB, content[40 * KIB :])
    expect(tus.stored(url) in (None, content), "the old writer's bytes are in the file")


@requirement("tus.stall.delete", "SHOULD", "Termination", needs="termination")
def stalled_writer_terminated(tus: Tus) -> None:
    """While a PATCH stalls, DELETE is answered and the upload is gone"""
    url = tus.create(64 * KIB)
    with tus.begin_patch(url, 0, length=64 * KIB) as stalled:
        stalled.send(data(KIB))
        time.sleep(0.2)
        expect_status(tus.send("DELETE", url), 204)
        expect_status(tus.head(url), 404, 410)


@requirement("tus.stall.timeout", "SHOULD", "Core: PATCH (timeouts)")
def stalled_writer_times_out(tus: Tus) -> None:
    """A read timeout, where there is one, closes the connection and keeps what arrived"""
    url = tus.create(64 * KIB)
    with tus.begin_patch(url, 0, length=64 * KIB) as stalled:
        stalled.send(data(8 * KIB))
        if not stalled.is_closed(seconds=tus.target.patience):
            raise Skipped(f"no read timeout within {tus.target.patience:g} s")
    expect(tus.offset(url) == 8 * KIB, f"{tus.offset(url)} of {8 * KIB} bytes were kept")


@requirement("tus.offset.monotone", "MUST", "Core: Upload-Offset")
def offset_never_goes_back(tus: Tus) -> None:
    """Through drops, stalls and wrong requests the offset never goes back, and the bytes are right at the end"""
    url = tus.create(SOME)
    drop_and_go_on(tus, url, lambda offset, piece, _last: tus.patch(url, offset, piece))


SOME = 400 * KIB
Patch = Callable[[int, bytes, bool], Answer]


def drop_and_go_on(speaker: Speaker, url: str, patch: Patch) -> None:
    """Send whole and broken appends in turn; no offset told later may be below one told before."""
    content, chance, highest = data(SOME), random.Random(7), 0
    for step in range(12):
        highest = append_at(speaker, url, content, patch, size=4 * KIB, highest=highest)
        line = speaker.begin_patch(url, highest, length=24 * KIB)
        line.send(content[highest : highest + chance.randrange(24 * KIB)])
        line.reset() if step % 2 else line.hang_up()
        patch(highest - 1, b"?", False)  # never the current offset
    append_at(speaker, url, content, patch, size=SOME, highest=highest)
    expect(speaker.stored(url) in (None, content), "other bytes came back")


def append_at(speaker: Speaker, url: str, content: bytes, patch: Patch, *, size: int, highest: int) -> int:
    """Append at the offset that HEAD tells and return the one acknowledged. A broken request that comes in late may take our place: ask again."""
    for _attempt in range(10):
        offset = speaker.offset(url)
        expect(offset >= highest, f"the offset went back from {highest} to {offset}")
        highest = offset
        answer = patch(offset, content[offset : offset + size], offset + size >= len(content))
        if answer.status != 409:
            break
        time.sleep(0.1)
    expect(200 <= answer.status < 300, f"an append at the offset told was answered {answer}")
    return min(offset + size, len(content))


@requirement("tus.two-writers", "MUST", "Core: PATCH")
def two_writers(tus: Tus) -> None:
    """Of PATCHes at the same time with the same offset, at most one is stored"""
    content = data(64 * KIB)
    url, answers = tus.create(2 * len(content)), list[Answer]()

    def write() -> None:
        with contextlib.suppress(OSError):
            answers.append(tus.patch(url, 0, content))

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stored = [answer for answer in answers if answer.status == 204 and offset_of(answer) == len(content)]
    offset = tus.offset(url)
    expect(len(stored) <= 1, f"{len(stored)} of 4 were answered as stored")
    expect(offset in (0, len(content)) if stored else offset <= len(content), f"the offset is {offset}")
    tus.patch(url, offset, content[offset:] + content)
    expect(tus.stored(url) in (None, content + content), "the writers' bytes are mixed")
