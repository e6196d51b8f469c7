"""The suite can pass and can fail: a tiny server that does everything right, and one that does one thing wrong at a time."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.conformance.__main__ import main
from tests.conformance.requirement import REQUIREMENTS
from tests.conformance.runner import failures, run
from tests.conformance.sample.server import SampleServer
from tests.conformance.speaker import Target

# What is done wrong, and the check that must see it.
FAULTS = {
    "any-version": "tus.version.wrong.PATCH", "unversioned": "tus.version.answered", "cached": "tus.head.no-store", "unknown-with-offset": "tus.head.unknown",
    "no-override": "tus.override.patch", "any-type": "tus.patch.media-type.near", "any-offset": "tus.patch.mismatch.behind",
    "lenient-numbers": "tus.creation.length-invalid.negative", "any-metadata": "tus.metadata.invalid.empty-key",
    "object-keys": "tus.metadata.returned.constructor", "prefix-lost": "tus.drop.prefix.closed",
    "no-fence": "tus.stall.old-writer", "offset-back": "tus.offset.monotone", "mismatch-stored": "tus.checksum.mismatch.sha1",
    "delete-keeps": "tus.termination.gone.HEAD", "unfinished": "tus.concat.unfinished", "mismatch-silent": "ietf.append.mismatch.behind",
    "interim-for-all": "ietf.interim.other-version.none", "overflow-usable": "ietf.append.overflow.sized", "drop-completes": "ietf.drop.not-complete",
    "digest-ignored": "ietf.digest.content",
}  # fmt: skip


def test_ids_are_unique_and_every_check_names_its_source() -> None:
    ids = Counter(found.id for found in REQUIREMENTS)
    assert [name for name, count in ids.items() if count > 1] == []
    assert all(found.source and found.title and found.level in ("MUST", "SHOULD", "MAY") for found in REQUIREMENTS)


def test_a_server_that_does_everything_right_has_no_failure() -> None:
    with SampleServer() as server:
        results = run(Target(server.url, patience=0.2), jobs=8)
    assert [(result.requirement.id, result.reason) for result in failures(results)] == []
    passed = Counter(result.requirement.protocol for result in results if result.outcome == "passed")
    assert passed["tus"] > 180
    assert passed["ietf"] > 75


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_does_one_thing_wrong_is_found_out(fault: str) -> None:
    with SampleServer(fault) as server:
        (result,) = [result for result in run(Target(server.url), matching=FAULTS[fault]) if result.requirement.id == FAULTS[fault]]
    assert (result.outcome, result.counts) == ("failed", True), result.reason


def test_the_command_tells_and_exits_by_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    with SampleServer("cached") as server:
        assert main([server.url, "--match", "tus.head", "--patience", "0"]) == 1
        assert "FAILED   MUST   tus.head.no-store" in capsys.readouterr().out
        assert main([server.url, "--match", "tus.head.length", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["totals"], found["failures"], found["checks"][0]["level"]) == ({"passed": 1}, 0, "MUST")
        assert main([server.url, "--match", "no such check"]) == 2
    assert main([server.url]) == 2
