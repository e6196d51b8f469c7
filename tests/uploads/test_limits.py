"""How much may come in: reserved at creation, also by two at once, and checked again when a file is complete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from resilience.errors import AppError
from tests.factories import make_session, make_user, make_video
from uploads.errors.limits import DailyReached, QuotaReached, ServiceBusy, ServiceDailyReached, ServiceFull, TooManyOpen
from uploads.limits.reserve import reserve
from uploads.limits.usage import Usage, usage_of
from uploads.models import DeletedBytes, SessionState, UploadRole, UploadSession, Video, VideoState
from uploads.services.abort import abort_upload
from uploads.services.create import create_upload
from uploads.services.delete import delete_video
from uploads.services.inspect import inspect_upload
from uploads.services.lease import take_lease
from uploads.services.length import fix_length
from uploads.store import store

pytestmark = pytest.mark.django_db(transaction=True)
LIMITS = ["UPLOAD_USER_QUOTA", "UPLOAD_USER_DAILY", "UPLOAD_USER_OPEN", "UPLOAD_ALL_QUOTA", "UPLOAD_ALL_DAILY", "UPLOAD_ALL_OPEN"]


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    for name in LIMITS:
        setattr(settings, name, 0)


@pytest.fixture
def ada() -> User:
    return make_user(email="ada@example.org")


def begin(owner: User, length: int = 100) -> UploadSession:
    return create_upload(owner=owner, length=length, file_name="a.mp4", declared_type="").session


def nothing_left(sessions: int = 0) -> bool:
    return (UploadSession.objects.count(), Video.objects.count(), len(list(store().keys(older_than_seconds=-60)))) == (sessions,) * 3


def test_what_counts(ada: User) -> None:
    video = make_video(owner=ada)
    make_session(video=video, length=1000, committed=10)  # open: what it announced
    make_session(video=make_video(owner=ada), length=None, committed=7)  # not announced: what arrived
    make_session(video=video, length=500, committed=500, state=SessionState.ACCEPTED)
    make_session(video=video, length=300, committed=20, state=SessionState.ABORTED)
    make_session(video=video, length=90, committed=90, state=SessionState.ACCEPTED, created_at=timezone.now() - timedelta(hours=25))
    make_session()  # somebody else's
    assert usage_of(ada.pk) == Usage(stored=1000 + 7 + 500 + 90, today=1000 + 7 + 500 + 20, open=2)
    assert usage_of(None) == Usage(stored=2597, today=2527, open=3)


@pytest.mark.parametrize(
    ("name", "limit", "error", "retry"),
    [
        ("UPLOAD_USER_QUOTA", 250, QuotaReached, False),
        ("UPLOAD_USER_DAILY", 250, DailyReached, True),
        ("UPLOAD_USER_OPEN", 2, TooManyOpen, True),
        ("UPLOAD_ALL_QUOTA", 250, ServiceFull, True),
        ("UPLOAD_ALL_DAILY", 250, ServiceDailyReached, True),
        ("UPLOAD_ALL_OPEN", 2, ServiceBusy, True),
    ],
)
def test_the_third_upload_is_one_too_many_and_leaves_nothing(settings: Any, ada: User, name: str, limit: int, error: type[AppError], retry: bool) -> None:
    setattr(settings, name, limit)
    begin(ada)
    second = begin(ada)
    with pytest.raises(error) as refused:
        begin(ada)
    assert refused.value.fields["limit"] == limit
    assert "unknown" not in refused.value.detail
    assert ("Retry-After" in refused.value.headers()) is retry
    assert nothing_left(2)
    abort_upload(second)
    begin(ada)


def test_limits_of_a_person_are_that_persons(settings: Any, ada: User) -> None:
    settings.UPLOAD_USER_QUOTA = 100
    begin(ada)
    begin(make_user())
    with pytest.raises(QuotaReached):
        begin(ada, 1)


def test_the_day_says_when_there_is_room_again(settings: Any, ada: User) -> None:
    settings.UPLOAD_USER_DAILY = 250
    for hours in (23, 10):
        make_session(video=make_video(owner=ada), length=100, committed=100, state=SessionState.ACCEPTED, created_at=timezone.now() - timedelta(hours=hours))
    with pytest.raises(DailyReached) as soon:
        begin(ada, 150)
    assert soon.value.retry_after == pytest.approx(3600, abs=60)
    with pytest.raises(DailyReached) as later:
        begin(ada, 200)
    assert later.value.retry_after == pytest.approx(14 * 3600, abs=60)
    begin(ada, 50)


def test_deleting_a_video_gives_its_room_back_and_not_the_days_share(settings: Any, ada: User) -> None:
    settings.UPLOAD_USER_DAILY, settings.UPLOAD_USER_QUOTA = 250, 250
    yesterday = timezone.now() - timedelta(hours=25)
    for length, begun in ((100, timezone.now() - timedelta(hours=23)), (90, timezone.now()), (1000, yesterday)):
        video = make_video(owner=ada)
        make_session(video=video, length=length, committed=length, state=SessionState.ACCEPTED, created_at=begun)
        delete_video(video)
    half = begin(ada, 60)
    UploadSession.objects.filter(pk=half.pk).update(committed=20)
    delete_video(half.its_video)
    assert usage_of(ada.pk) == Usage(stored=0, today=100 + 90 + 20, open=0)
    assert usage_of(None) == Usage(stored=0, today=210, open=0)
    with pytest.raises(DailyReached) as full:
        begin(ada, 41)
    assert full.value.retry_after == pytest.approx(3600, abs=60)  # the earliest is deleted, and a day old then all the same
    begin(ada, 40)
    DeletedBytes.objects.update(begun_at=yesterday)
    assert usage_of(ada.pk).today == 40
    delete_video(half_of(ada))
    assert DeletedBytes.objects.count() == 1, "what is older than a day is forgotten"


def half_of(owner: User) -> Video:
    """The video of the only upload left, of which something arrived."""
    UploadSession.objects.filter(owner=owner).update(committed=5)
    return UploadSession.objects.get(owner=owner).its_video


def test_whoever_deletes_while_sending_gets_no_more_than_a_day(settings: Any, ada: User) -> None:
    """Five programs of one person, each of which deletes what it has just sent and begins anew."""
    settings.UPLOAD_USER_DAILY = 1000

    def send_and_delete() -> None:
        while True:
            session = begin(ada, 60)
            UploadSession.objects.filter(pk=session.pk).update(committed=60, state=SessionState.ACCEPTED)
            delete_video(session.its_video)

    outcomes = at_once(5, send_and_delete)
    assert {type(outcome) for outcome in outcomes} == {DailyReached}
    assert usage_of(ada.pk) == Usage(stored=0, today=960, open=0)


def test_the_same_creation_again_counts_once(settings: Any, ada: User) -> None:
    settings.UPLOAD_USER_OPEN = 1
    made = [create_upload(owner=ada, length=9, file_name="a.mp4", declared_type="", idempotency_key="k").session.pk for _ in range(2)]
    assert made[0] == made[1]


def at_once(count: int, work: Callable[[], Any]) -> list[BaseException | None]:
    """Run something in threads that begin together, each with a connection of its own; returns what each raised."""
    gate = threading.Barrier(count)
    outcomes: list[BaseException | None] = [None] * count

    def run(index: int) -> None:
        try:
            gate.wait(60)
            work()
        except AppError as error:
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


@pytest.mark.parametrize("limit", ["UPLOAD_USER_QUOTA", "UPLOAD_ALL_QUOTA"])
def test_of_many_creations_at_once_only_those_that_fit_get_in(settings: Any, ada: User, limit: str) -> None:
    setattr(settings, limit, 350)
    outcomes = at_once(8, lambda: begin(ada))
    assert sum(outcome is None for outcome in outcomes) == 3
    assert usage_of(ada.pk).stored == 300
    assert nothing_left(3)


def test_far_from_a_limit_nobody_waits(settings: Any, ada: User) -> None:
    """A creation that has reserved and not yet committed holds up no other one, until the limit is near."""
    settings.UPLOAD_USER_QUOTA = 10**6
    outcomes: list[BaseException | None] = []
    with transaction.atomic():
        reserve(ada.pk, 100, alone=False)
        outcomes += at_once(1, lambda: begin(ada))
        with connection.cursor() as cursor:
            cursor.execute("SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            assert cursor.fetchall() == [("ShareLock",)]
    assert outcomes == [None]


def received(owner: User, data: bytes) -> UploadSession:
    """An upload whose bytes all arrived."""
    video = make_video(owner=owner, state=VideoState.CHECKING)
    session = make_session(video=video, length=len(data), committed=len(data), state=SessionState.RECEIVED)
    session.storage_key = session.public_id
    session.save()
    store().create(session.storage_key)
    appender = store().open(session.storage_key)  # type: ignore[attr-defined]
    appender.write(data, offset=0)
    appender.close()
    return session


def test_a_quota_lowered_meanwhile_is_found_at_the_end(settings: Any, ada: User) -> None:
    settings.UPLOAD_ACCEPT = "*"
    first, second = received(ada, bytes(1000)), received(ada, bytes(1000))
    settings.UPLOAD_USER_QUOTA = 1500
    for session in (first, second):
        inspect_upload(session.public_id, attempt=1, stopped=lambda: False)
        session.refresh_from_db()
    assert (first.state, second.state, second.error_code) == (SessionState.ACCEPTED, SessionState.REJECTED, "UPLOAD_QUOTA_REACHED")
    assert second.video is not None
    second.video.refresh_from_db()
    assert (second.video.state, second.video.error_code) == (VideoState.NEEDS_NEW_FILE, "UPLOAD_QUOTA_REACHED")
    assert list(store().keys(older_than_seconds=-60)) == [first.storage_key]


def test_of_two_files_complete_at_once_one_stays(settings: Any, ada: User) -> None:
    settings.UPLOAD_ACCEPT = "*"
    sessions = [received(ada, bytes(1000)) for _ in range(4)]
    waiting = [session.public_id for session in sessions]
    settings.UPLOAD_USER_QUOTA = 1500
    at_once(4, lambda: inspect_upload(waiting.pop(), attempt=1, stopped=lambda: False))
    states = sorted(UploadSession.objects.values_list("state", flat=True))
    assert states == ["accepted", "rejected", "rejected", "rejected"]


def test_a_person_and_a_program_see_what_is_used(settings: Any, ada: User) -> None:
    settings.UPLOAD_USER_QUOTA, settings.UPLOAD_USER_OPEN = 50 * 2**30, 2000
    make_session(video=make_video(owner=ada), length=int(2.1 * 2**30))
    browser = Client()
    browser.force_login(ada)
    page = browser.get("/account/").content.decode()
    assert "<dt>Stored</dt><dd>2.1 GB of 50.0 GB</dd>" in page
    assert "<dt>Unfinished uploads</dt><dd>1 of 2,000</dd>" in page
    told = {row["name"]: row for row in browser.get("/api/v1/usage").json()}
    assert (told["stored"]["used"], told["stored"]["limit"]) == (int(2.1 * 2**30), 50 * 2**30)
    assert (told["today"]["limit"], told["today"]["text"]) == (None, "2.1 GB")


def test_a_length_told_later_is_reserved_then(settings: Any, ada: User) -> None:
    settings.UPLOAD_USER_QUOTA = 1000
    begin(ada, 300)
    late = create_upload(owner=ada, length=None, file_name="a.mp4", declared_type="").session
    lease = take_lease(late.pk)
    assert lease is not None
    with pytest.raises(QuotaReached):
        fix_length(lease, 701, completes=True)
    late.refresh_from_db()
    assert (late.length, late.state) == (None, SessionState.RECEIVING)
    fix_length(lease, 700, completes=True)
    fix_length(lease, 700, completes=True)
    assert usage_of(ada.pk).stored == 1000
    with pytest.raises(QuotaReached):
        begin(ada, 1)


def test_a_joined_file_was_sent_as_its_parts(ada: User) -> None:
    UploadSession.objects.create(
        owner=ada, length=50, committed=50, state=SessionState.RECEIVED, role=UploadRole.PART, expires_at=timezone.now() + timedelta(days=1)
    )
    make_session(video=make_video(owner=ada), length=50, committed=50, state=SessionState.ACCEPTED, role=UploadRole.JOINED)
    assert usage_of(ada.pk) == Usage(stored=100, today=50, open=0)
