"""IETF draft: OPTIONS, creation, asking for the offset."""

from __future__ import annotations

import json
from urllib.parse import urljoin

from tests.conformance.requirement import Skipped, expect, expect_header, expect_refused, expect_status, requirement
from tests.conformance.speaker import Draft, data, offset_of, parse_limits
from tests.conformance.wire import Answer

PROBLEMS = "https://iana.org/assignments/http-problem-types#"
BOTH = {"v8": "8", "v6": "6"}


def problem(answer: Answer) -> dict[str, object]:
    kind = (answer.get("Content-Type") or "").partition(";")[0]
    expect(kind == "application/problem+json", f"the {answer} has Content-Type {kind!r}, no problem")
    found: dict[str, object] = json.loads(answer.body)
    return found


@requirement("ietf.options.limit", "MUST", "Upload Limits (OPTIONS)")
def options_limit(draft: Draft) -> None:
    """OPTIONS of a creating resource carries Upload-Limit, a dictionary of integers with at least one member"""
    expect_status(draft.target.capabilities, 200, 204)
    header = draft.target.capabilities.get("Upload-Limit")
    expect(header, f"Upload-Limit is {header!r}")
    expect(parse_limits(header or ""), "Upload-Limit is empty")


@requirement("ietf.creation.part", "MUST", "Upload Creation", each=BOTH)
def created(draft: Draft, version: str) -> None:
    """A creation with Upload-Complete: ?0 is answered with a Location that answers"""
    url = draft.speaking(version).create(10)
    expect(draft.speaking(version).offset(url) == 0, "a new upload is not at 0")


@requirement("ietf.creation.limit", "MUST", "Upload Creation")
def created_limit(draft: Draft) -> None:
    """The answer to a creation with ?0 carries Upload-Limit"""
    header = draft.post({"Upload-Complete": "?0"}).get("Upload-Limit")
    expect(header, "no Upload-Limit")
    parse_limits(header or "")


@requirement("ietf.creation.echo", "SHOULD", "Upload Creation", each=BOTH)
def created_echo(draft: Draft, version: str) -> None:
    """The answer to a creation with ?0 says Upload-Complete: ?0"""
    expect_header(draft.speaking(version).post({"Upload-Complete": "?0"}), "Upload-Complete", "?0")


@requirement("ietf.creation.first-bytes", "MUST", "Upload Creation", each={"sized": "sized", "chunked": "chunked"})
def created_with_bytes(draft: Draft, how: str) -> None:
    """Bytes that come with a creation with ?0 are kept, sized or chunked"""
    content = data(10)
    url = draft.located(draft.post({"Upload-Complete": "?0"}, content[:4] if how == "sized" else [content[:1], content[1:4]]))
    expect(draft.offset(url) == 4, f"the offset is {draft.offset(url)}")
    answer = draft.patch(url, 4, content[4:], complete=True)
    expect(200 <= answer.status < 300, f"the rest was answered {answer}")
    expect(draft.stored(url) in (None, content), "other bytes came back")


@requirement("ietf.creation.whole", "MUST", "Upload Creation", each=BOTH)
def created_whole(draft: Draft, version: str) -> None:
    """A creation with ?1 and the whole body completes"""
    answer = draft.speaking(version).post({"Upload-Complete": "?1"}, data(10))
    expect(200 <= answer.status < 300, f"answered {answer}")
    location = answer.get("Location")
    if location:
        expect_header(draft.speaking(version).head(urljoin(draft.target.url, location)), "Upload-Complete", "?1")


@requirement("ietf.creation.whole-echo", "SHOULD", "Upload Creation")
def created_whole_echo(draft: Draft) -> None:
    """The answer to a whole upload says Upload-Complete: ?1"""
    expect_header(draft.post({"Upload-Complete": "?1"}, data(10)), "Upload-Complete", "?1")


@requirement("ietf.creation.whole-chunked", "MUST", "Upload Creation")
def created_whole_chunked(draft: Draft) -> None:
    """A whole upload may be chunked: its length is what came"""
    answer = draft.post({"Upload-Complete": "?1"}, [b"123", b"4567"])
    expect(200 <= answer.status < 300, f"answered {answer}")
    if location := answer.get("Location"):
        head = draft.head(urljoin(draft.target.url, location))
        expect_header(head, "Upload-Complete", "?1")
        expect_header(head, "Upload-Length", "7")


@requirement("ietf.creation.inconsistent", "MUST", "Upload Length", each={"more": "20", "less": "5"})
def inconsistent(draft: Draft, length: str) -> None:
    """Upload-Length and the length of a whole body differ: 400 with the problem type, Upload-Complete: ?0"""
    answer = draft.post({"Upload-Complete": "?1", "Upload-Length": length}, data(10))
    expect_status(answer, 400)
    expect_header(answer, "Upload-Complete", "?0")
    expect(problem(answer).get("type") == PROBLEMS + "inconsistent-upload-length", f"the problem is {problem(answer).get('type')}")


@requirement("ietf.creation.inconsistent-later", "MUST", "Upload Length")
def inconsistent_later(draft: Draft) -> None:
    """A later request that tells another length: 400 with the problem type"""
    url = draft.create(10)
    answer = draft.patch(url, 0, data(4), headers={"Upload-Length": "20"})
    expect_status(answer, 400)
    expect(problem(answer).get("type") == PROBLEMS + "inconsistent-upload-length", f"the problem is {problem(answer).get('type')}")


@requirement("ietf.creation.too-large", "SHOULD", "Upload Limits")
def too_large(draft: Draft) -> None:
    """More than max-size: 413 with Upload-Limit"""
    answer = draft.post({"Upload-Complete": "?0", "Upload-Length": str(draft.max_size() + 1)})
    expect_status(answer, 413)
    expect(answer.get("Upload-Limit"), "the 413 has no Upload-Limit")


@requirement("ietf.head.fields", "MUST", "Offset Retrieval", each=BOTH)
def head_fields(draft: Draft, version: str) -> None:
    """HEAD tells Upload-Offset, Upload-Complete and the known Upload-Length"""
    url = draft.speaking(version).create(10)
    draft.patch(url, 0, data(4))
    answer = draft.speaking(version).head(url)
    expect_status(answer, 200, 204)
    expect_header(answer, "Upload-Offset", "4")
    expect_header(answer, "Upload-Complete", "?0")
    expect_header(answer, "Upload-Length", "10")


@requirement("ietf.head.limit", "MUST", "Offset Retrieval")
def head_limit(draft: Draft) -> None:
    """HEAD carries Upload-Limit"""
    header = draft.head(draft.create(10)).get("Upload-Limit")
    expect(header, "no Upload-Limit")
    parse_limits(header or "")


@requirement("ietf.head.no-length", "MUST", "Offset Retrieval")
def head_no_length(draft: Draft) -> None:
    """An unknown length is not told"""
    answer = draft.head(draft.create())
    expect(offset_of(answer) == 0, "the offset is not 0")
    expect(answer.get("Upload-Length") is None, f"Upload-Length is {answer.get('Upload-Length')}")


@requirement("ietf.head.complete", "MUST", "Offset Retrieval")
def head_complete(draft: Draft) -> None:
    """A complete upload says so, with offset and length"""
    url = draft.create()
    draft.patch(url, 0, data(10), complete=True)
    answer = draft.head(url)
    expect_header(answer, "Upload-Complete", "?1")
    expect_header(answer, "Upload-Offset", "10")


@requirement("ietf.head.no-store", "SHOULD", "Offset Retrieval")
def head_no_store(draft: Draft) -> None:
    """HEAD must not be cached: Cache-Control: no-store"""
    expect("no-store" in (draft.head(draft.create(10)).get("Cache-Control") or ""), "no Cache-Control: no-store")


@requirement("ietf.head.unknown", "SHOULD", "Offset Retrieval")
def head_unknown(draft: Draft) -> None:
    """An unknown upload: 404, without an offset and without a redirect"""
    answer = draft.head(draft.unknown())
    expect_status(answer, 403, 404, 410)
    expect(answer.get("Upload-Offset") is None, "the refusal has an Upload-Offset")


MALFORMED = {"word": "abc", "string": '"10"', "decimal": "1.5", "exponent": "1e3", "list": "1, 2", "16-digits": "1" * 16}


@requirement("ietf.fields.malformed-length", "MUST", "RFC 9651: section 4.2 (a malformed field is ignored whole)", each=MALFORMED)
def malformed_length(draft: Draft, value: str) -> None:
    """A malformed Upload-Length is ignored whole: the upload is made, its length unknown"""
    url = draft.located(draft.post({"Upload-Complete": "?0", "Upload-Length": value}))
    found = draft.head(url).get("Upload-Length")
    expect(found is None, f"Upload-Length is {found}")


@requirement("ietf.fields.negative-length", "MUST", "Upload Length")
def negative_length(draft: Draft) -> None:
    """A negative Upload-Length is refused or ignored, never stored"""
    answer = draft.post({"Upload-Complete": "?0", "Upload-Length": "-1"})
    if answer.status == 201:
        expect(draft.head(draft.located(answer)).get("Upload-Length") is None, "the length is stored")
    else:
        expect_refused(answer)


@requirement("ietf.fields.parameters", "MUST", "RFC 9651: section 3.1.2 (unknown parameters are ignored)")
def parameters(draft: Draft) -> None:
    """Parameters of a field are ignored"""
    url = draft.located(draft.post({"Upload-Complete": "?0;q=1", "Upload-Length": "10;unit=bytes"}))
    expect_header(draft.head(url), "Upload-Length", "10")


@requirement(
    "ietf.fields.malformed-complete", "MUST", "RFC 9651: section 4.2 (a malformed field is ignored whole)", each={"word": "true", "number": "1", "two": "?2"}
)
def malformed_complete(draft: Draft, value: str) -> None:
    """A malformed Upload-Complete is none: PATCH is refused, nothing is stored"""
    url = draft.create(10)
    expect_refused(draft.patch(url, 0, b"12345", headers={"Upload-Complete": value}))
    expect(draft.offset(url) == 0, "the bytes were stored")


@requirement("ietf.tus.same", "MAY", "robustness: both protocols on one resource")
def same_resource(draft: Draft) -> None:
    """An upload begun by the draft can be asked for by tus"""
    if not draft.target.listed("Tus-Version"):
        raise Skipped("the server does not speak tus")
    url = draft.create(10)
    draft.patch(url, 0, b"1234")
    answer = draft.send("HEAD", url, {"Tus-Resumable": "1.0.0"}, without="Upload-Draft-Interop-Version")
    expect_header(answer, "Upload-Offset", "4")
    expect_header(answer, "Upload-Length", "10")
