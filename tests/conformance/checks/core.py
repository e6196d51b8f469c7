"""tus 1.0 core: OPTIONS, versions, HEAD, the method override, addresses that are none."""

from __future__ import annotations

from tests.conformance.requirement import Skipped, expect, expect_header, expect_refused, expect_status, requirement
from tests.conformance.speaker import Tus, data, offset_of
from tests.conformance.wire import Line, request

OTHER = {"Tus-Resumable": "0.2.2"}


@requirement("tus.options.status", "MUST", "Core: OPTIONS")
def options_status(tus: Tus) -> None:
    """OPTIONS is answered 204 or 200"""
    expect_status(tus.target.capabilities, 200, 204)


@requirement("tus.options.version", "MUST", "Core: OPTIONS")
def options_version(tus: Tus) -> None:
    """OPTIONS lists the versions in Tus-Version"""
    expect("1.0.0" in tus.target.listed("Tus-Version"), f"Tus-Version is {tus.target.capabilities.get('Tus-Version')!r}")


@requirement("tus.options.ignores-version", "MUST", "Core: Tus-Resumable")
def options_ignores_version(tus: Tus) -> None:
    """OPTIONS ignores the request's Tus-Resumable"""
    answer = tus.send("OPTIONS", tus.target.url, OTHER)
    expect_status(answer, 200, 204)
    expect("1.0.0" in (answer.get("Tus-Version") or ""), "no Tus-Version in the answer")


@requirement("tus.options.extensions", "MUST", "Core: Tus-Extension")
def options_extensions(tus: Tus) -> None:
    """Tus-Extension is left out rather than empty"""
    header = tus.target.capabilities.get("Tus-Extension")
    expect(header is None or all(part.strip() for part in header.split(",")), f"Tus-Extension is {header!r}")


@requirement("tus.options.max-size", "MUST", "Core: Tus-Max-Size")
def options_max_size(tus: Tus) -> None:
    """Tus-Max-Size, if there, is a non-negative integer"""
    header = tus.target.capabilities.get("Tus-Max-Size")
    expect(header is None or header.isdigit(), f"Tus-Max-Size is {header!r}")


@requirement("tus.options.slash", "MAY", "robustness: clients write the address both ways")
def options_slash(tus: Tus) -> None:
    """OPTIONS answers with and without the trailing slash"""
    for url in (tus.target.url.rstrip("/"), tus.target.url.rstrip("/") + "/"):
        expect_status(request("OPTIONS", url, tus.target.headers()), 200, 204)


@requirement("tus.version.answered", "MUST", "Core: Tus-Resumable")
def version_answered(tus: Tus) -> None:
    """Tus-Resumable is in every answer, refusals too"""
    url = tus.create(5)
    answers = {
        "POST": tus.post({"Upload-Length": "5"}), "POST refused": tus.post({}), "HEAD": tus.head(url), "HEAD unknown": tus.head(tus.unknown()),
        "PATCH mismatch": tus.patch(url, 3, b"xx"), "PATCH": tus.patch(url, 0, b"hello"), "DELETE": tus.send("DELETE", url),
    }  # fmt: skip
    without = [name for name, answer in answers.items() if answer.get("Tus-Resumable") != "1.0.0"]
    expect(not without, f"missing after {', '.join(without)}")


@requirement("tus.version.wrong", "MUST", "Core: Tus-Version", each=("POST", "HEAD", "PATCH", "DELETE"))
def version_wrong(tus: Tus, method: str) -> None:
    """An unsupported version: 412 with Tus-Version, and nothing is processed"""
    url = tus.create(5)
    given, body = {"POST": ({"Upload-Length": "5"}, b""), "PATCH": (tus.patch_headers(0), b"hello")}.get(method, ({}, b""))
    answer = tus.send(method, tus.target.url if method == "POST" else url, given | OTHER, body)
    expect_status(answer, 412)
    expect("1.0.0" in (answer.get("Tus-Version") or ""), "the 412 has no Tus-Version")
    expect(tus.offset(url) == 0, "the request was processed")


@requirement("tus.version.missing", "MUST", "Core: Tus-Resumable", each=("POST", "PATCH"))
def version_missing(tus: Tus, method: str) -> None:
    """A request without Tus-Resumable is refused and not processed"""
    url = tus.create(5)
    headers, body = ({"Upload-Length": "5"}, b"") if method == "POST" else (tus.patch_headers(0), b"hello")
    answer = tus.send(method, tus.target.url if method == "POST" else url, headers, body, without="Tus-Resumable")
    expect_refused(answer)
    expect(tus.offset(url) == 0, "the request was processed")


@requirement("tus.head.offset", "MUST", "Core: HEAD", each=("empty", "partly", "complete"))
def head_offset(tus: Tus, how_far: str) -> None:
    """HEAD always tells Upload-Offset, also at 0 and at the end"""
    url, sent = tus.create(10), {"empty": 0, "partly": 4, "complete": 10}[how_far]
    if sent:
        tus.patch(url, 0, data(sent))
    expect(tus.offset(url) == sent, f"the offset is {tus.offset(url)} after {sent} bytes")


@requirement("tus.head.length", "MUST", "Core: HEAD")
def head_length(tus: Tus) -> None:
    """HEAD tells Upload-Length when it is known"""
    expect_header(tus.head(tus.create(10)), "Upload-Length", "10")


@requirement("tus.head.no-store", "MUST", "Core: HEAD")
def head_no_store(tus: Tus) -> None:
    """HEAD must not be cached: Cache-Control: no-store"""
    header = tus.head(tus.create(10)).get("Cache-Control") or ""
    expect("no-store" in header, f"Cache-Control is {header!r}")


@requirement("tus.head.status", "SHOULD", "Core: HEAD")
def head_status(tus: Tus) -> None:
    """HEAD is answered 200 or 204"""
    expect_status(tus.head(tus.create(10)), 200, 204)


@requirement("tus.head.no-body", "MUST", "RFC 9110: section 9.3.2", each=("known", "unknown"))
def head_no_body(tus: Tus, which: str) -> None:
    """An answer to HEAD has no body on the wire"""
    with Line(tus.create(10) if which == "known" else tus.unknown()) as line:
        line.begin("HEAD", tus.headers({"Connection": "close"}))
        line.answer()
        left = line.rest(seconds=0.5)
        expect(not left, f"{len(left)} bytes follow the headers")


@requirement("tus.head.unknown", "SHOULD", "Core: HEAD")
def head_unknown(tus: Tus) -> None:
    """HEAD of an unknown upload: 404, 410 or 403, without Upload-Offset"""
    answer = tus.head(tus.unknown())
    expect_status(answer, 403, 404, 410)
    expect(answer.get("Upload-Offset") is None, "the refusal has an Upload-Offset")


@requirement("tus.override.patch", "MUST", "Core: X-HTTP-Method-Override")
def override_patch(tus: Tus) -> None:
    """POST with X-HTTP-Method-Override: PATCH is a PATCH"""
    url = tus.create(5)
    answer = tus.send("POST", url, tus.patch_headers(0) | {"X-HTTP-Method-Override": "PATCH"}, b"hello")
    expect_status(answer, 204)
    expect(offset_of(answer) == 5, f"the offset is {offset_of(answer)}")


@requirement("tus.override.head", "MUST", "Core: X-HTTP-Method-Override")
def override_head(tus: Tus) -> None:
    """POST with X-HTTP-Method-Override: HEAD is a HEAD"""
    answer = tus.send("POST", tus.create(5), {"X-HTTP-Method-Override": "HEAD"})
    expect_status(answer, 200, 204)
    expect(offset_of(answer) == 0, "the offset is wrong")


@requirement("tus.override.delete", "MUST", "Core: X-HTTP-Method-Override", needs="termination")
def override_delete(tus: Tus) -> None:
    """POST with X-HTTP-Method-Override: DELETE is a DELETE"""
    url = tus.create(5)
    expect_status(tus.send("POST", url, {"X-HTTP-Method-Override": "DELETE"}), 204)
    expect_status(tus.head(url), 404, 410)


@requirement("tus.override.ignores-method", "MUST", "Core: X-HTTP-Method-Override")
def override_ignores_method(tus: Tus) -> None:
    """The actual method is ignored: DELETE overridden by PATCH appends"""
    url = tus.create(5)
    expect_status(tus.send("DELETE", url, tus.patch_headers(0) | {"X-HTTP-Method-Override": "PATCH", "Content-Length": "5"}, b"hello"), 204)
    expect(tus.offset(url) == 5, "nothing was appended")


TRICKS = {
    "dots": "..%2f..%2f..%2fetc%2fpasswd", "plain-dots": "../../../etc/passwd", "null": "%00", "name-null": "a%00.bin", "not-utf-8": "%ff%fe",
    "backslash": "..%5c..%5cx",
    "double": "%252e%252e%252f", "long": "a" * 3000, "newline": "a%0d%0aX-Injected:%201", "quote": "'%20OR%201=1--", "info": "x.info",
}  # fmt: skip


@requirement("tus.path", "SHOULD", "Core: HEAD (unknown resources); path tricks", each=TRICKS)
def path_tricks(tus: Tus, segment: str) -> None:
    """A made-up address is unknown to every method, never an error of the server, never a file"""
    url = f"{tus.target.url.rstrip('/')}/{segment}"
    for method in ("HEAD", "PATCH", "DELETE"):
        answer = tus.send(method, url, tus.patch_headers(0) if method == "PATCH" else {}, b"x" if method == "PATCH" else b"")
        expect(answer.status in (400, 403, 404, 405, 410, 414), f"{method} answered {answer}")
        expect(answer.get("Upload-Offset") is None, f"{method} tells an offset")
        expect(answer.get("X-Injected") is None, "the path became a header")


@requirement("tus.get.bytes", "MAY", "robustness: what was stored is what was sent")
def get_bytes(tus: Tus) -> None:
    """A complete upload, where it can be read, has the bytes that were sent"""
    content = data(70_000)
    url = tus.create(len(content))
    tus.patch(url, 0, content[:30_001])
    tus.patch(url, 30_001, content[30_001:])
    stored = tus.stored(url)
    if stored is None:
        raise Skipped("GET does not hand the upload out")
    expect(stored == content, "other bytes came back")
