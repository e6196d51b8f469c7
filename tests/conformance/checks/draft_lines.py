"""IETF draft over real lines: interim answers, drops, stalls, cancelling what is in flight."""

from __future__ import annotations

import contextlib
import time
from urllib.parse import urljoin

from tests.conformance.requirement import Failed, Skipped, expect, expect_header, expect_status, requirement
from tests.conformance.speaker import Draft, data, offset_of
from tests.conformance.wire import Answer, Line

from .draft_creation import BOTH
from .lines import ENDS, KIB, SOME, drop_and_go_on, drop_in_the_middle, settled, take_over

LONG = 20 * 1024 * KIB  # a server may commit in steps of several megabytes


def creating(draft: Draft, size: int, headers: dict[str, str] | None = None, *, without: str = "") -> Line:
    """Announce a creation with a whole body of `size` bytes."""
    line = Line(draft.target.url)
    line.begin("POST", draft.headers({"Upload-Complete": "?1", "Content-Length": str(size)} | (headers or {}), without=without))
    return line


def interim_of(line: Line, *, seconds: float) -> Answer | None:
    """Return the first 104 that comes in time."""
    with contextlib.suppress(TimeoutError):
        while (answer := line.one_answer(seconds=seconds)).status < 200:
            if answer.status == 104:
                return answer
    return None


@requirement("ietf.interim.creation", "SHOULD", "Upload Creation (104)", each=BOTH)
def interim_at_creation(draft: Draft, version: str) -> None:
    """A creation is announced by a 104 with Location and the interop version, before the body is all there"""
    content = data(64 * KIB)
    speaker = draft.speaking(version)
    with creating(speaker, len(content)) as line:
        line.send(content[: 16 * KIB])
        interim = interim_of(line, seconds=6)
        if interim is None:
            raise Failed("no 104 came")
        expect_header(interim, "Upload-Draft-Interop-Version", version)
        location = interim.get("Location")
        expect(location, "the 104 has no Location")
        line.send(content[16 * KIB :])
        expect(200 <= line.answer().status < 300, "the final answer is no success")
    url = urljoin(draft.target.url, location or "")
    draft.made.append(url)
    expect_header(speaker.head(url), "Upload-Complete", "?1")


@requirement("ietf.interim.resume", "MUST", "Upload Creation (104)")
def interim_resume(draft: Draft) -> None:
    """What the 104 names can be resumed after the creating connection is lost"""
    content = data(64 * KIB)
    line = creating(draft, len(content))
    line.send(content[: 32 * KIB])
    interim = interim_of(line, seconds=6)
    if interim is None or not interim.get("Location"):
        line.hang_up()
        raise Skipped("no 104 with a Location came")
    time.sleep(0.3)
    line.reset()
    url = urljoin(draft.target.url, interim.get("Location") or "")
    draft.made.append(url)
    offset = settled(draft, url, at_least=32 * KIB)
    expect_header(draft.head(url), "Upload-Complete", "?0")
    answer = draft.patch(url, offset, content[offset:], complete=True)
    expect_header(answer, "Upload-Complete", "?1")
    expect(draft.stored(url) in (None, content), "other bytes came back")


@requirement("ietf.interim.other-version", "MUST", "Upload-Draft-Interop-Version", each={"none": "", "other": "99", "no-number": "abc", "list": "8, 8"})
def interim_only_for_us(draft: Draft, version: str) -> None:
    """No 104 for a client that names no version, or another"""
    given = {"Upload-Draft-Interop-Version": version} if version else {}
    with creating(draft, 10, given, without="" if version else "Upload-Draft-Interop-Version") as line:
        line.send(data(4))
        found = interim_of(line, seconds=1.5)
        expect(found is None, "a 104 came")
        line.send(data(6))
        with contextlib.suppress(TimeoutError):  # what the server makes of such a request is its own affair
            expect(104 not in [answer.status for answer in line.answer().interim], "a 104 came")


@requirement("ietf.interim.append", "SHOULD", "Upload Append (104)")
def interim_while_appending(draft: Draft) -> None:
    """A long append is accompanied by 104 with Upload-Offset"""
    interim = appended_interim(draft)
    expect(0 < offset_of(interim) <= LONG, f"Upload-Offset is {offset_of(interim)}")
    expect_header(interim, "Upload-Draft-Interop-Version", "8")


@requirement("ietf.interim.append-location", "MUST", "Upload Append (104)")
def interim_without_location(draft: Draft) -> None:
    """A 104 for an append has no Location"""
    try:
        interim = appended_interim(draft)
    except Failed as no:
        raise Skipped(str(no)) from no
    expect(interim.get("Location") is None, f"Location is {interim.get('Location')}")


def appended_interim(draft: Draft) -> Answer:
    """Return the first 104 with an offset during an append that takes its time."""
    url = draft.create(LONG + KIB)
    with draft.begin_patch(url, 0, length=LONG + KIB) as line:
        line.send(data(LONG))
        deadline = time.monotonic() + 8
        while (left := deadline - time.monotonic()) > 0 and (found := interim_of(line, seconds=left)) is not None:
            if (found.get("Upload-Offset") or "0") != "0":
                expect(offset_of(found) <= draft.offset(url), "HEAD tells less than the 104 before")
                return found
    raise Failed("no 104 with an Upload-Offset came within 8 s")


@requirement("ietf.drop.prefix", "SHOULD", "Upload Append (interrupted)", each=ENDS)
def drop_keeps_prefix(draft: Draft, end: str) -> None:
    """A connection lost in the middle keeps what arrived and is not complete, even if it said ?1"""
    content = data(256 * KIB)
    url = draft.create(len(content))
    drop_in_the_middle(draft, url, content, end=end, headers={"Upload-Complete": "?1"})
    offset = settled(draft, url, at_least=len(content) // 2)
    expect_header(draft.head(url), "Upload-Complete", "?0")
    expect(offset == len(content) // 2, f"{offset} of {len(content) // 2} bytes were kept")
    expect_header(draft.patch(url, offset, content[offset:], complete=True), "Upload-Complete", "?1")
    expect(draft.stored(url) in (None, content), "other bytes came back")


@requirement("ietf.drop.not-complete", "MUST", "Upload Append (interrupted)")
def drop_is_not_complete(draft: Draft) -> None:
    """An interrupted append of unknown length is never complete"""
    url = draft.create()
    content = data(64 * KIB)
    drop_in_the_middle(draft, url, content, end="hang_up", headers={"Upload-Complete": "?1"})
    settled(draft, url, at_least=1)
    expect_header(draft.head(url), "Upload-Complete", "?0")


@requirement("ietf.stall.head", "MUST", "Concurrency")
def stalled_writer(draft: Draft) -> None:
    """While an append stalls, HEAD is answered; the offset it tells is accepted by the next append"""
    take_over(draft, draft.create(256 * KIB), lambda url, offset, rest: draft.patch(url, offset, rest, complete=True))


@requirement("ietf.cancel.in-flight", "SHOULD", "Upload Cancellation")
def cancel_in_flight(draft: Draft) -> None:
    """DELETE ends the append that is in flight"""
    url = draft.create(64 * KIB)
    with draft.begin_patch(url, 0, length=64 * KIB) as line:
        line.send(data(KIB))
        time.sleep(0.3)
        answer = draft.send("DELETE", url)
        expect(200 <= answer.status < 300, f"DELETE was answered {answer}")
        expect_status(draft.head(url), 404, 410)
        try:
            final = line.answer()
        except TimeoutError as hanging:
            raise Failed("the append still hangs 10 s later") from hanging
        except ConnectionError:
            return
        expect(final.status >= 400, f"the append was answered {final}")


@requirement("ietf.offset.monotone", "MUST", "Upload Offset")
def offset_never_goes_back(draft: Draft) -> None:
    """Through drops the offset never goes back, and the bytes are right at the end"""
    url = draft.create(SOME)
    drop_and_go_on(draft, url, lambda offset, piece, last: draft.patch(url, offset, piece, complete=last))
