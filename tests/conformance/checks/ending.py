"""tus 1.0, extensions termination and expiration."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tests.conformance.requirement import Skipped, expect, expect_status, requirement
from tests.conformance.speaker import Tus
from tests.conformance.wire import Answer


@requirement("tus.termination.done", "MUST", "Termination: DELETE", needs="termination", each={"new": "0", "partly": "3", "complete": "5"})
def terminated(tus: Tus, sent: str) -> None:
    """DELETE ends an upload, finished or not: 204"""
    url = tus.create(5)
    if int(sent):
        tus.patch(url, 0, b"hello"[: int(sent)])
    expect_status(tus.send("DELETE", url), 204)


@requirement("tus.termination.gone", "SHOULD", "Termination: DELETE", needs="termination", each=("HEAD", "PATCH", "DELETE"))
def gone(tus: Tus, method: str) -> None:
    """Afterwards every request for it is answered 404 or 410, without an offset"""
    url = tus.create(5)
    expect_status(tus.send("DELETE", url), 204)
    answer = tus.patch(url, 0, b"hello") if method == "PATCH" else tus.send(method, url)
    expect_status(answer, 404, 410)
    expect(answer.get("Upload-Offset") is None, "the refusal has an Upload-Offset")


@requirement("tus.termination.unknown", "SHOULD", "Termination: DELETE", needs="termination")
def delete_unknown(tus: Tus) -> None:
    """DELETE of an unknown upload: 404"""
    expect_status(tus.send("DELETE", tus.unknown()), 403, 404, 410)


def expiry_of(answer: Answer) -> datetime:
    header = answer.get("Upload-Expires")
    expect(header is not None, f"no Upload-Expires in the {answer}")
    assert header is not None
    expect(header.endswith(" GMT"), f"Upload-Expires is {header!r}, no date of RFC 9110")
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        expect(False, f"Upload-Expires is {header!r}, no date of RFC 9110")
        raise


@requirement("tus.expiration.patch", "MUST", "Expiration: Upload-Expires", needs="expiration")
def expires_in_patch(tus: Tus) -> None:
    """Every PATCH answer of an upload that will expire carries Upload-Expires, in the future"""
    url = tus.create(10)
    expect(expiry_of(tus.patch(url, 0, b"hello")) > datetime.now(UTC), "it is in the past")


@requirement("tus.expiration.creation", "MUST", "Expiration: Upload-Expires", needs="expiration creation")
def expires_at_creation(tus: Tus) -> None:
    """An expiry known at creation is in the answer to POST"""
    answer = tus.post({"Upload-Length": "10"})
    tus.located(answer)
    expiry_of(answer)


@requirement("tus.expiration.over", "SHOULD", "Expiration", needs="expiration creation")
def expired(tus: Tus) -> None:
    """After its expiry an upload is answered 404 or 410, without an offset"""
    url = tus.create(10)
    answer = tus.patch(url, 0, b"hello")
    left = (expiry_of(answer) - datetime.now(UTC)).total_seconds() + 2
    if left > tus.target.patience:
        raise Skipped(f"it expires in {left:.0f} s, more than the patience of {tus.target.patience:g} s")
    time.sleep(max(0.0, left))
    answer = tus.head(url)
    expect_status(answer, 404, 410)
    expect(answer.get("Upload-Offset") is None, "the refusal has an Upload-Offset")
