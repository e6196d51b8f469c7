"""Every code an upload can be refused with: caused for real, on disk and in S3, told so that a person can act on it, and nothing left behind."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from resilience.errors import CATALOGUE, Entry
from support.guide_library import guide
from tests.uploads.refusals import CASES
from tests.uploads.refusals.cases import Case, Leaves
from tests.uploads.refusals.world import Told, World, world  # noqa: F401
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadSession
from uploads.store import store

BOTH = [pytest.param(each, place, id=f"{each.code}-{each.name}-{place}") for each in CASES for place in each.stores]
ENTRIES = [pytest.param(CATALOGUE.get(code), id=code) for code in sorted({each.code for each in CASES})]
ATTACHMENTS = "UPLOAD_ATTACHMENT"  # files in tickets: tests/support/test_attachments.py has theirs
COME_AGAIN = (408, 429, 503, 507)


def test_every_code_has_a_case() -> None:
    codes = {entry.code for entry in CATALOGUE if entry.code.startswith("UPLOAD_") and not entry.code.startswith(ATTACHMENTS)}
    assert codes - {each.code for each in CASES} == set(), "write a case in tests/uploads/refusals/"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("each", "world"), BOTH, indirect=["world"])
def test_a_refusal_is_told_and_leaves_nothing(each: Case, world: World) -> None:  # noqa: F811
    steps = each.run(world)
    next(steps)
    before = world.snapshot()
    told = finish(steps)
    readable(told, CATALOGUE.get(each.code))
    if each.leaves is Leaves.ALL_AS_IT_WAS:
        assert world.snapshot() == before
    elif each.leaves is Leaves.AN_END:
        assert world.stored() == {}
        assert set(UploadSession.objects.values_list("state", flat=True)) <= {SessionState.REJECTED, SessionState.ABORTED}
    else:
        for session in UploadSession.objects.all():
            the_prefix_is_there(session)


def finish(steps: Any) -> Told:
    with pytest.raises(StopIteration) as end:
        next(steps)
    told: Told = end.value.value
    return told


def readable(told: Told, entry: Entry) -> None:
    """A problem with its code, in words without holes, with something to do, and nothing secret in it."""
    body = told.problem
    assert body["code"] == entry.code, body
    assert body["title"] == entry.title
    if told.status:
        assert told.status == body["status"] == entry.status
    assert re.fullmatch(r"[A-Z“].{20,300}[.?]", body["detail"], re.DOTALL), body["detail"]
    assert not re.search(r"\bunknown\b|\bNone\b|[{}]", body["detail"]), body["detail"]
    assert all(action["label"] for action in body["actions"])
    assert body["actions"]
    assert "upt_" not in str(body), "an address is a secret"
    if "retry_after" in body:
        assert body["retry_after"] >= 1
        assert told.headers.get("retry-after", str(body["retry_after"])) == str(body["retry_after"])
    elif told.status in COME_AGAIN:
        raise AssertionError("it does not say when to come again")
    if "holdfast-problem" in told.headers:
        assert told.headers["holdfast-problem"] == entry.code


def the_prefix_is_there(session: UploadSession) -> None:
    """All that is committed is stored, nobody holds the upload, and it is as open as it was."""
    assert (session.lease_owner, session.state in (*OPEN_SESSION_STATES, SessionState.RECEIVED)) == ("", True)
    if session.state == SessionState.RECEIVING:
        appender = store().open(session.storage_key)
        try:
            assert appender.size() == session.committed
        finally:
            appender.close()
    else:
        assert store().size(session.storage_key) == session.committed


@pytest.mark.django_db
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_refusal_leads_to_pages_that_explain_it(entry: Entry) -> None:
    """The page of the problem, what can be done about it, and the guide, which knows its code and quotes its title."""
    own = words(f"/problems/{entry.slug}/")
    assert entry.title in own
    assert all(action.label in own for action in entry.actions if action.target and action.kind.value in ("button", "link"))
    if not entry.code.startswith("UPLOAD_"):
        return
    found = guide(entry.guide)
    assert found is not None
    assert entry.code in found.codes
    explained = words(f"/help/{entry.guide}/")
    assert f" {entry.title} " in explained
    assert len(explained.split()) > 200


def words(path: str) -> str:
    """What a reader sees of a page."""
    answer = Client().get(path)
    assert answer.status_code == 200, path
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_the_other_codes_have_their_own_tests() -> None:
    theirs = [entry.code for entry in CATALOGUE if entry.code.startswith(ATTACHMENTS)]
    source = "".join(path.read_text() for path in Path(__file__).parent.parent.joinpath("support").glob("*attach*.py"))
    assert [code for code in theirs if code not in source] == []
