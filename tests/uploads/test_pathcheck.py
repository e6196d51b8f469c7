"""`manage.py check_upload_path`, as an operator runs it: its words, how it ends, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from tests.uploads.server import ROOT, TUS, Server, free_port


@pytest.fixture(scope="module")
def small_room() -> Iterator[Server]:
    """A server of its own, whose only person is no administrator at first, and may have one unfinished upload."""
    with Server(os.environ["DATABASE_URL"], UPLOAD_USER_OPEN="1") as running:
        yield running


def check(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "check_upload_path", *arguments]
    return subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, timeout=120, check=False)


def left(server: Server) -> tuple[int, int, list[str]]:
    """Tokens, uploads that could go on, and files."""
    [(tokens,)] = server.sql("SELECT count(*) FROM knox_authtoken")
    [(going_on,)] = server.sql("SELECT count(*) FROM uploads_uploadsession WHERE state IN ('creating', 'receiving')")
    return tokens, going_on, [path.name for path in server.uploads.iterdir()] if server.uploads.is_dir() else []


def test_without_a_token_it_needs_an_administrator_and_leaves_nothing(small_room: Server) -> None:
    before = left(small_room)
    nobody = check(small_room, small_room.url)
    assert (nobody.returncode, nobody.stdout) == (2, "")
    assert "There is no administrator to make a token for; name one with --token" in nobody.stderr
    small_room.sql("UPDATE auth_user SET is_superuser = true")
    try:
        well = check(small_room, small_room.url)
        assert (well.returncode, well.stderr) == (0, ""), well
        assert "uploads go on where they stopped" in well.stdout
        assert well.stdout.endswith("All is well: an upload that is interrupted goes on where it stopped.\n")
        told = json.loads(check(small_room, f"{small_room.url}/", "--json").stdout)
        assert told["passed"] is True
        assert [finding["name"] for finding in told["findings"]] == ["create", "dropped", "refusal", "interim"]
    finally:
        small_room.sql("UPDATE auth_user SET is_superuser = false")
    assert left(small_room) == before


def test_a_token_that_is_wrong_and_a_limit_that_is_reached_are_findings(small_room: Server) -> None:
    wrong = check(small_room, small_room.url, "--token", "nonsense")
    assert (wrong.returncode, wrong.stderr) == (1, "")
    assert wrong.stdout.startswith("FAILS  The token is not one of this server.")
    assert wrong.stdout.endswith("1 of 1 checks failed; what to change stands beside each.\n")
    address = small_room.address(small_room.create(10))
    try:
        full = check(small_room, small_room.url, "--token", small_room.token)
    finally:
        kept = small_room.offset(address)
        assert requests.delete(address, headers=TUS, timeout=20).status_code == 204
    assert (full.returncode, kept) == (1, 0)
    assert "You have as many unfinished uploads as one person may have (1)." in full.stdout
    assert "(UPLOAD_TOO_MANY_OPEN)" in full.stdout


@pytest.mark.parametrize(
    ("address", "words"), [("ftp://x", "must begin with http"), ("http://", "must begin with http"), ("http://127.0.0.1:PORT", "Nobody answers at")]
)
def test_what_cannot_be_asked_is_no_finding(small_room: Server, address: str, words: str) -> None:
    told = check(small_room, address.replace("PORT", str(free_port())), "--token", "x")
    assert (told.returncode, told.stdout) == (2, "")
    assert words in told.stderr
