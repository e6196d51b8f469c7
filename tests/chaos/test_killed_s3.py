"""Web servers killed while people upload to S3: no acknowledged byte is lost, no offset goes back, and what the dead leave is found."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.kills import KILLS, SEED, SMALL, upload_under_kills
from tests.s3 import running
from tests.uploads.server import ROOT, Server

# Another process of the same house: puts a file together and reads it, as the inspection would.
_READER = """
import pathlib, sys
import django, django.db; django.setup()
from uploads.store import store
from uploads.store.s3.reap import reap_leftovers
for line in sys.stdin:
    key, target = line.split()
    if key == "reap":
        print(reap_leftovers(age_seconds=-5), flush=True)
        continue
    store().seal(key)
    with store().local(key) as path:
        pathlib.Path(target).write_bytes(path.read_bytes())
    print("done", flush=True)
django.db.connections.close_all()
"""


@contextmanager
def reader(server: Server, folder: Path) -> Iterator[Callable[[str], bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _READER], cwd=ROOT, env=server.environment | {"LOG_LEVEL": "WARNING"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None

    one_at_a_time = threading.Lock()

    def stored(key: str) -> bytes:
        with one_at_a_time:
            return ask(key)

    def ask(key: str) -> bytes:
        target = folder / key
        process.stdin.write(f"{key} {target}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, "the reader died"
        return target.read_bytes() if key != "reap" else answer.encode()

    try:
        yield stored
    finally:
        process.communicate(timeout=60)


def survive(kills: int, folder: Path) -> None:
    with running(S3_UPLOAD_PART_MIN_SIZE="1024") as s3, Server(os.environ["DATABASE_URL"], **s3.environment, **SMALL) as server:
        with reader(server, folder) as stored:
            ledger = upload_under_kills([server], kills=kills, stored=stored)
            left = int(stored("reap"))
        named = server.sql("SELECT object_key FROM uploads_remotefile WHERE object_key <> ''")
        [(parts, highest)] = server.sql("SELECT (SELECT count(*) FROM uploads_uploadpart), max(next_part) - 1 FROM uploads_remotefile")
        objects, multiparts = s3.objects(), s3.multiparts()
    print(f"\nseed {SEED}, S3: {ledger}; {parts} parts counted, no file took more than {highest} numbers; {left} leftovers removed")
    ledger.require_evidence(kills)
    assert parts > kills / 2, "hardly a part was sent: this proves little"
    assert set(objects) == {name for (name,) in named}
    assert multiparts == []


@pytest.mark.stack
def test_after_20_kills_every_file_in_s3_is_whole(tmp_path: Path) -> None:
    survive(20, tmp_path)


@pytest.mark.chaos
def test_after_many_kills_every_file_in_s3_is_whole(tmp_path: Path) -> None:
    survive(KILLS, tmp_path)
