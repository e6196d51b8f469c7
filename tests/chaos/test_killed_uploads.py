"""200 web workers killed while people upload to disk: no acknowledged byte is lost and no offset goes back."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.chaos.kills import upload_under_kills
from tests.uploads.server import Server


def on_disk(server: Server) -> Callable[[str], bytes]:
    return lambda key: (server.uploads / key).read_bytes()


def survive(kills: int) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "7"))
    with Server(os.environ["DATABASE_URL"]) as server:
        ledger = upload_under_kills(server, kills=kills, seed=seed, stored=on_disk(server))
        inspections = server.sql("SELECT count(*) FROM resilience_task WHERE kind = 'uploads.inspect'")
    print(f"\nseed {seed}: {ledger}")
    assert ledger.faults == []
    assert ledger.kills == kills
    assert ledger.interrupted >= kills // 10, "hardly a kill met a request: this test proved nothing"
    assert inspections == [(ledger.files,)]


@pytest.mark.stack
def test_after_20_kills_every_file_is_whole() -> None:
    survive(20)


@pytest.mark.chaos
def test_after_200_kills_every_file_is_whole() -> None:
    survive(200)
