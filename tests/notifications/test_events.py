from __future__ import annotations

import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from notifications.models import Event, Notification, NotificationKind
from notifications.selectors import timeline, unread_count
from notifications.services.events import record
from notifications.services.inbox import mark_all_read, mark_read
from notifications.services.notify import notify
from notifications.services.prune import PROGRESS_KEPT, prune_progress
from resilience.http.errors import NotFound
from tests.api.server import database_url
from tests.factories import make_user, make_video


@pytest.mark.django_db(transaction=True)
def test_a_later_event_waits_for_an_earlier_one_that_is_not_committed_yet() -> None:
    user = make_user()
    in_hand, commit = threading.Event(), threading.Event()
    order: list[str] = []
    ids: dict[str, int] = {}

    def slow() -> None:
        with transaction.atomic():
            ids["slow"] = record(user=user, kind="video.changed").pk
            in_hand.set()
            commit.wait(60)
            order.append("slow")
        connection.close()

    def quick() -> None:
        in_hand.wait(60)
        ids["quick"] = record(user=user, kind="video.changed").pk
        order.append("quick")
        connection.close()

    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    for thread in threads:
        thread.start()
    in_hand.wait(60)
    time.sleep(0.3)
    assert order == [], "the quick one must not overtake: a stream would see its id and never go back"
    commit.set()
    for thread in threads:
        thread.join(60)
    assert order == ["slow", "quick"]
    assert ids["slow"] < ids["quick"]


@pytest.mark.django_db(transaction=True)
def test_two_people_do_not_wait_for_each_other() -> None:
    one, other = make_user(), make_user()
    done = threading.Event()

    def second() -> None:
        record(user=other, kind="video.changed")
        done.set()
        connection.close()

    with transaction.atomic():
        record(user=one, kind="video.changed")
        thread = threading.Thread(target=second)
        thread.start()
        assert done.wait(60)
    thread.join(60)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_wakes_nobody() -> None:
    user = make_user()
    with psycopg.connect(database_url(), autocommit=True) as listener:
        listener.execute("LISTEN holdfast_events")
        with transaction.atomic():
            record(user=user, kind="video.changed")
            transaction.set_rollback(True)
        record(user=user, kind="video.changed")
        listener.execute("NOTIFY holdfast_events, 'last'")  # what was told before comes before it
        told = []
        for notice in listener.notifies(timeout=60):  # to its end: a generator left in the middle keeps the connection's lock
            if notice.payload == "last":
                break
            told.append(notice.payload)
    assert told == [str(user.pk)]
    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_an_event_names_its_video_and_keeps_a_long_sentence_short_enough() -> None:
    video = make_video()
    event = record(user=video.owner, kind="video.changed", video=video, sentence="x" * 1000, data={"state": "ready"})
    assert event.data == {"video": video.public_id, "state": "ready"}
    assert len(event.sentence) == 300
    assert timeline(video) == [event]


@pytest.mark.django_db
def test_a_timeline_leaves_out_what_has_no_words_and_keeps_the_newest() -> None:
    video = make_video()
    for number in range(5):
        record(user=video.owner, kind="video.changed", video=video, sentence=f"step {number}")
        record(user=video.owner, kind="job.progress", video=video)
    assert [event.sentence for event in timeline(video, limit=3)] == ["step 2", "step 3", "step 4"]


@pytest.mark.django_db
def test_the_same_news_is_told_once() -> None:
    user = make_user()
    first = notify(user=user, kind=NotificationKind.READY, key="ready:1", title="Ready")
    assert first is not None
    assert notify(user=user, kind=NotificationKind.READY, key="ready:1", title="Ready") is None
    assert notify(user=make_user(), kind=NotificationKind.READY, key="ready:1", title="Ready") is not None
    told = Event.objects.get(user=user, kind="notification.created")
    assert told.data == {"notification": first.public_id, "kind": "ready", "title": "Ready", "link": "", "unread": 1}


@pytest.mark.django_db(transaction=True)
def test_the_same_news_from_two_transactions_at_once_is_told_once() -> None:
    user = make_user()
    barrier = threading.Barrier(4)

    def tell(key: str) -> None:
        barrier.wait(60)
        notify(user=user, kind=NotificationKind.READY, key=key, title="Ready")
        connection.close()

    threads = [threading.Thread(target=tell, args=(key,)) for key in ("same", "same", "same", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Notification.objects.filter(user=user).count() == 2
    assert [event.data["unread"] for event in Event.objects.filter(user=user).order_by("id")] == [1, 2], "each count includes what committed before it"


@pytest.mark.django_db
def test_reading_changes_the_badge_once() -> None:
    user = make_user()
    told = [notify(user=user, kind=NotificationKind.READY, key=str(number), title="Ready") for number in range(3)]
    assert told[0] is not None
    first = mark_read(user, public_id=told[0].public_id)
    assert first.read_at is not None
    assert mark_read(user, public_id=told[0].public_id).read_at == first.read_at
    assert unread_count(user) == 2
    assert mark_all_read(user) == 2
    assert mark_all_read(user) == 0
    assert [event.data for event in Event.objects.filter(kind="notification.read").order_by("id")] == [{"unread": 2}, {"unread": 0}]


@pytest.mark.django_db
def test_nobody_reads_what_was_told_to_somebody_else() -> None:
    told = notify(user=make_user(), kind=NotificationKind.READY, key="k", title="Ready")
    assert told is not None
    with pytest.raises(NotFound):
        mark_read(make_user(), public_id=told.public_id)
    told.refresh_from_db()
    assert told.read_at is None


@pytest.mark.django_db
def test_old_progress_goes_and_everything_else_stays() -> None:
    user = make_user()
    old = timezone.now() - PROGRESS_KEPT - timedelta(minutes=1)
    fresh = record(user=user, kind="job.progress")
    story = record(user=user, kind="video.changed", sentence="Ready")
    stale = record(user=user, kind="job.progress")
    Event.objects.filter(pk__in=[story.pk, stale.pk]).update(at=old)
    assert prune_progress(dry_run=True) == 1
    assert Event.objects.count() == 3
    assert prune_progress() == 1
    assert prune_progress() == 0
    assert set(Event.objects.all()) == {fresh, story}
