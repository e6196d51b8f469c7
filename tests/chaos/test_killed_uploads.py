"""Web servers killed while people upload to disk: no acknowledged byte is lost and no offset goes back."""

from __future__ import annotations

import os

import pytest

from tests.chaos.kills import KILLS, SEED, SMALL, upload_under_kills
from tests.uploads.server import Server


def survive(kills: int) -> None:
    with Server(os.environ["DATABASE_URL"], **SMALL) as server:
        ledger = upload_under_kills([server], kills=kills, stored=lambda key: (server.uploads / key).read_bytes())
        inspections = server.sql("SELECT count(*) FROM resilience_task WHERE kind = 'uploads.inspect'")
    print(f"\nseed {SEED}, disk: {ledger}")
    ledger.require_evidence(kills)
    assert inspections == [(ledger.files,)]


@pytest.mark.stack
def test_after_20_kills_every_file_is_whole() -> None:
    survive(20)


@pytest.mark.chaos
def test_after_many_kills_every_file_is_whole() -> None:
    survive(KILLS)
