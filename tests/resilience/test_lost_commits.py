"""The line breaks between COMMIT and its answer. Nobody guesses: what became of it is looked up by its key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from resilience.http.translate import as_app_error
from resilience.models import OperatorAction
from resilience.transactions import CommitUnknown, retrying_atomic, settled
from tests.proxied import proxied_database
from tests.proxy import Proxy
from tests.stack.system import wait_for

pytestmark = pytest.mark.django_db
KEY = "the key of this change"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A line of its own, outside of the test's transaction: what is committed over it stays, and is removed here."""
    with proxied_database() as proxy:
        try:
            yield proxy
        finally:
            proxy.mend()
            OperatorAction.objects.filter(target=KEY).delete()


class Change:
    """Makes one row, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> OperatorAction:
        self.runs += 1
        return OperatorAction.objects.create(action="test", target=KEY)


def there() -> OperatorAction | None:
    return OperatorAction.objects.filter(target=KEY).first()


def rows() -> int:
    return OperatorAction.objects.filter(target=KEY).count()


def test_any_block_says_that_its_commit_was_not_answered(proxy: Proxy) -> None:
    connection.ensure_connection()
    cut = proxy.cut_after(b"COMMIT")
    with pytest.raises(CommitUnknown) as unknown, transaction.atomic():
        Change()()
    assert cut.is_set()
    assert unknown.value.backend
    assert as_app_error(unknown.value).code == "COMMIT_UNANSWERED"
    wait_for(lambda: rows() == 1, seconds=60, what="the server did what it was asked")


def test_an_unanswered_commit_is_never_run_again_blindly(proxy: Proxy) -> None:
    change = Change()
    proxy.cut_after(b"COMMIT")
    with pytest.raises(CommitUnknown):
        retrying_atomic(change)
    assert change.runs == 1
    wait_for(lambda: rows() == 1, seconds=60, what="the server did what it was asked")


def test_what_was_committed_unheard_is_found_by_its_key(proxy: Proxy) -> None:
    change = Change()
    cut = proxy.cut_after(b"COMMIT")
    made = settled(change, reread=there)
    assert cut.is_set()
    assert made.target == KEY
    assert (change.runs, rows()) == (1, 1)


def test_what_never_reached_the_server_is_run_again(proxy: Proxy) -> None:
    change = Change()
    cut = proxy.cut_after(b"COMMIT", passed=False)
    settled(change, reread=there)
    assert cut.is_set()
    assert (change.runs, rows()) == (2, 1)


def test_it_stays_unknown_while_the_servers_process_still_has_the_transaction(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resilience.transactions._is_over", lambda backend: False)
    proxy.cut_after(b"COMMIT", passed=False)
    with pytest.raises(CommitUnknown):
        settled(Change(), reread=there)
