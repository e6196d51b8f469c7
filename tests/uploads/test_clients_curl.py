"""The IETF draft spoken by curl: nothing but a client that shows what comes over the wire, interim answers too."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import requests

from tests.programs import needs
from tests.uploads.server import Server

pytestmark = needs("curl")
VERSION = "Upload-Draft-Interop-Version: 8"
SIZE = 300_000


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def curl(*arguments: str, headers: tuple[str, ...] = (VERSION,)) -> list[str]:
    """Return every answer's status line and headers, interim ones first."""
    named = [part for header in headers for part in ("-H", header)]
    done = subprocess.run(["curl", "-sS", "-i", "--http1.1", "--max-time", "20", *named, *arguments], capture_output=True, timeout=30, check=False)
    assert done.returncode in (0, 18, 28), done.stderr.decode()
    return re.findall(r"HTTP/1\.1 \d{3}.*?\r\n\r\n", done.stdout.decode("latin-1"), flags=re.DOTALL)


def status(answer: str) -> int:
    return int(answer.split()[1])


def field(answer: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)\r$", answer, flags=re.MULTILINE | re.IGNORECASE)
    assert found is not None, f"no {name} in {answer}"
    return found[1]


def create(server: Server, film: Path, *more: str, complete: str = "?1") -> list[str]:
    own = (VERSION, f"Authorization: Token {server.token}", f"Upload-Complete: {complete}", "Expect:")
    return curl("-X", "POST", "--data-binary", f"@{film}", *more, f"{server.url}/files/", headers=(*own, "Content-Type: application/octet-stream"))


def test_curl_uploads_in_one_request_and_sees_the_104(server: Server, film: Path) -> None:
    interim, *_others, final = create(server, film)
    assert status(interim) == 104
    assert field(interim, "Upload-Draft-Interop-Version") == "8"
    assert status(final) in (200, 201)
    assert field(final, "Upload-Complete") == "?1"
    assert requests.get(server.url + field(interim, "Location"), timeout=20).content == film.read_bytes()


def test_curl_without_the_version_gets_no_104(server: Server, film: Path) -> None:
    headers = (f"Authorization: Token {server.token}", "Upload-Complete: ?1", "Content-Type: application/octet-stream", "Expect:")
    answers = curl("-X", "POST", "--data-binary", f"@{film}", f"{server.url}/files/", headers=headers)
    assert [status(answer) for answer in answers] == [201]


def test_curl_is_cut_off_asks_for_the_offset_and_goes_on(server: Server, film: Path, tmp_path: Path) -> None:
    interim = create(server, film, "--limit-rate", "100K", "--max-time", "1")[0]
    url = server.url + field(interim, "Location")
    (head,) = curl("-I", url)
    offset = int(field(head, "Upload-Offset"))
    assert 0 < offset < SIZE
    assert field(head, "Upload-Complete") == "?0"
    rest = tmp_path / "rest.bin"
    rest.write_bytes(film.read_bytes()[offset:])
    append = (VERSION, f"Upload-Offset: {offset}", "Upload-Complete: ?1", "Content-Type: application/partial-upload", "Expect:")
    *_interim, final = curl("-X", "PATCH", "--data-binary", f"@{rest}", url, headers=append)
    assert status(final) // 100 == 2
    assert field(final, "Upload-Complete") == "?1"
    assert requests.get(url, timeout=20).content == film.read_bytes()


def test_curl_asks_what_is_allowed_and_cancels(server: Server, film: Path) -> None:
    (options,) = curl("-X", "OPTIONS", f"{server.url}/files/")
    assert "max-size=" in field(options, "Upload-Limit")
    *_interim, final = create(server, film, complete="?0")
    assert (status(final), field(final, "Upload-Complete")) == (201, "?0")
    url = server.url + field(final, "Location")
    assert status(curl("-X", "DELETE", url)[-1]) == 204
    assert status(curl("-I", url)[-1]) in (404, 410)
