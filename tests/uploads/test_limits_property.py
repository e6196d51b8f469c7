"""Whatever people begin at once, finish, cancel, delete or leave: nobody ever has more than allowed, and every reservation is given back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.factories import make_user
from tests.uploads.test_limits import LIMITS, at_once
from uploads.errors.limits import DailyReached, QuotaReached, TooManyOpen
from uploads.limits.usage import Usage, usage_of
from uploads.models import SessionState, UploadSession
from uploads.services.abort import abort_upload
from uploads.services.create import create_upload
from uploads.services.delete import delete_video
from uploads.services.expire import expire_uploads

pytestmark = pytest.mark.django_db(transaction=True)
QUOTA, DAILY, OPEN, PEOPLE = 150, 400, 4, 2
BEGIN = st.tuples(st.just("begin"), st.lists(st.tuples(st.integers(0, PEOPLE - 1), st.integers(1, 80)), min_size=1, max_size=5))
END = st.tuples(st.sampled_from(["arrive", "complete", "cancel", "expire", "delete"]), st.integers(0, 30))
EXAMPLES = int(os.environ.get("LIMITS_EXAMPLES", "12"))


@dataclass
class Known:
    """What the test itself knows of an upload."""

    owner: User
    length: int
    arrived: int = 0
    open: bool = True
    stored: bool = True
    there: bool = True

    @property
    def sent(self) -> int:
        return self.length if self.open else self.arrived


class People:
    def __init__(self) -> None:
        self.people = [make_user() for _ in range(PEOPLE)]
        self.uploads: dict[int, Known] = {}

    def begin(self, wanted: list[tuple[int, int]]) -> None:
        """Several begin at the same moment."""
        waiting = [(self.people[who], length) for who, length in wanted]

        def one() -> None:
            owner, length = waiting.pop()
            session = create_upload(owner=owner, length=length, file_name="a.mp4", declared_type="").session
            self.uploads[session.pk] = Known(owner, length)

        for refused in at_once(len(wanted), one):
            assert refused is None or isinstance(refused, QuotaReached | DailyReached | TooManyOpen), refused
            event(type(refused).__name__)

    def end(self, how: str, number: int) -> None:
        usable = [pk for pk, known in self.uploads.items() if known.there and (known.open or how == "delete")]
        if not usable:
            return
        pk = usable[number % len(usable)]
        known, session = self.uploads[pk], UploadSession.objects.get(pk=pk)
        row = UploadSession.objects.filter(pk=pk)
        match how:
            case "arrive":
                known.arrived = max(1, known.length // 2)
                row.update(committed=known.arrived)
            case "complete":
                known.arrived, known.open = known.length, False
                row.update(committed=known.length, state=SessionState.ACCEPTED)
            case "cancel":
                known.open = known.stored = False
                assert abort_upload(session)
            case "expire":
                known.open = known.stored = False
                row.update(expires_at=Now())
                assert expire_uploads() == 1
            case "delete":
                known.open = known.stored = known.there = False
                delete_video(session.its_video)

    def check(self) -> None:
        for person in self.people:
            own = [known for known in self.uploads.values() if known.owner == person]
            used = usage_of(person.pk)
            stored = sum(known.sent for known in own if known.stored)
            assert used == Usage(stored=stored, today=sum(known.sent for known in own), open=sum(known.open for known in own))
            assert used.stored <= QUOTA
            assert used.today <= DAILY
            assert used.open <= OPEN


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(BEGIN | END, max_size=14))
def test_nobody_has_more_than_allowed_and_nothing_stays_reserved(settings: Any, upload_dir: Path, steps: list[tuple[str, Any]]) -> None:
    for name in LIMITS:
        setattr(settings, name, 0)
    settings.UPLOAD_USER_QUOTA, settings.UPLOAD_USER_DAILY, settings.UPLOAD_USER_OPEN = QUOTA, DAILY, OPEN
    all_of_them = People()
    for what, how in steps:
        all_of_them.begin(how) if what == "begin" else all_of_them.end(what, how)
        all_of_them.check()
    for _ in range(len(all_of_them.uploads)):
        all_of_them.end("delete", 0)
    all_of_them.check()
    assert [usage_of(person.pk).stored for person in all_of_them.people] == [0] * PEOPLE
    assert not upload_dir.is_dir() or list(upload_dir.iterdir()) == []
