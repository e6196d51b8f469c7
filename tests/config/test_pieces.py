"""The parser that hands bodies on uncopied tells the same as gunicorn's own, however the bytes are cut on their way."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from gunicorn.asgi.parser import PythonProtocol  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from config.pieces import WholePieces


def told(parser: type[PythonProtocol], pieces: list[bytes]) -> tuple[list[bytes], bytes, int, bool, bytes]:
    """Feed one connection's bytes; return requests seen, the bodies' bytes, how many pieces those came in, and what is left over."""
    body: list[bytes] = []
    seen: list[bytes] = []
    ended: list[bool] = []
    made: Any = parser(on_headers_complete=lambda: seen.append(made.method + made.path), on_body=body.append, on_message_complete=lambda: ended.append(True))
    for piece in pieces:
        made.feed(piece)
    return seen, b"".join(body), len(ended), made.is_complete, made.remaining()


bodies = st.binary(max_size=400)
heads = st.sampled_from([b"PATCH /files/upl_1 HTTP/1.1\r\nHost: a\r\n", b"POST /files/ HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\n"])


@given(head=heads, body=bodies, chunked=st.booleans(), behind=st.binary(max_size=40), cuts=st.lists(st.integers(0, 600), max_size=12))
def test_what_is_told_does_not_depend_on_how_bytes_are_cut(head: bytes, body: bytes, chunked: bool, behind: bytes, cuts: list[int]) -> None:
    chunks, length = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", b"Content-Length: %d\r\n\r\n%s"
    framed = (chunks if chunked and body else length) % (len(body), body)
    sent = head + framed + behind
    edges = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[first:end] for first, end in pairwise(edges) if end > first]
    found = told(WholePieces, pieces)
    assert found == told(PythonProtocol, pieces)
    assert found[1:] == (body, 1, True, behind)


def test_the_middle_of_a_body_is_not_copied() -> None:
    got: list[bytes] = []
    parser: Any = WholePieces(on_body=got.append)
    parser.feed(b"PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n")
    middle = bytes(1000)
    parser.feed(middle)
    assert got[0] is middle
    parser.feed(bytes(2000))
    assert parser.is_complete
    assert sum(map(len, got)) == 3000
