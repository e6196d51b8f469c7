from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from notifications.models import Event, Notification
from resilience.http.errors import NotFound
from support.errors import TicketChanged, TicketClosed
from support.models import Snapshot, Ticket, TicketMessage, TicketState
from support.selectors import live_ticket, ticket_of, tickets_of
from support.services.tickets import close_ticket, open_ticket, reopen_ticket, reply, solve_ticket
from tests.factories import make_user, make_video


@pytest.mark.django_db
def test_asking_for_help_keeps_what_we_knew_then() -> None:
    video = make_video(error_code="UPLOAD_TRUNCATED", state="needs_new_file")
    ticket = open_ticket(owner=video.owner, subject="", body="It stops at 3:12", video=video, error_code="UPLOAD_TRUNCATED")
    assert (ticket.state, ticket.subject) == (TicketState.OPEN, "The end of this file is missing")
    assert [message.body for message in ticket.messages.all()] == ["It stops at 3:12"]
    frozen = ticket.snapshots.get().data
    video.title = "changed later"
    video.save()
    assert Snapshot.objects.get().data == frozen
    assert frozen["video"]["title"] == "holiday.mp4"
    event = Event.objects.get(kind="ticket.changed")
    assert (event.user, event.sentence) == (video.owner, "You asked for help")
    assert event.data["ticket"] == ticket.public_id
    assert not Notification.objects.exists(), "nobody needs to be told what they did themselves"


@pytest.mark.django_db
def test_asking_again_about_the_same_goes_on_with_the_same_ticket() -> None:
    video = make_video()
    first = open_ticket(owner=video.owner, subject="One", body="a", video=video, error_code="UPLOAD_EMPTY")
    again = open_ticket(owner=video.owner, subject="Two", body="b", video=video, error_code="UPLOAD_EMPTY")
    other = open_ticket(owner=video.owner, subject="Three", body="c", video=video)
    assert first.pk == again.pk != other.pk
    assert [message.body for message in first.messages.all()] == ["a", "b"]
    assert first.snapshots.count() == 2
    assert again.subject == "One"


@pytest.mark.django_db
def test_a_question_without_a_video_is_continued_too() -> None:
    user = make_user()
    first = open_ticket(owner=user, subject="A question", body="a")
    assert open_ticket(owner=user, subject="Another", body="b").pk == first.pk


@pytest.mark.django_db
def test_sending_the_same_words_twice_says_them_once() -> None:
    user = make_user()
    ticket = open_ticket(owner=user, subject="s", body="a")
    open_ticket(owner=user, subject="s", body="a")
    assert ticket.messages.count() == 1
    assert ticket.snapshots.count() == 1


@pytest.mark.django_db(transaction=True)
def test_asking_from_several_tabs_at_once_makes_one_ticket() -> None:
    video = make_video()
    barrier = threading.Barrier(4)
    failures: list[BaseException] = []

    def ask(number: int) -> None:
        barrier.wait(60)
        try:
            open_ticket(owner=video.owner, subject="s", body=f"words {number}", video=video)
        except BaseException as error:
            failures.append(error)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert Ticket.objects.count() == 1
    assert sorted(TicketMessage.objects.values_list("body", flat=True)) == [f"words {number}" for number in range(4)]


@pytest.mark.django_db
def test_a_video_of_somebody_else_is_not_there() -> None:
    with pytest.raises(NotFound):
        open_ticket(owner=make_user(), subject="s", body="a", video=make_video())
    assert not Ticket.objects.exists()


@pytest.mark.django_db
def test_an_answer_makes_it_wait_for_the_person_and_tells_them() -> None:
    user, agent = make_user(), make_user(staff=True)
    ticket = open_ticket(owner=user, subject="No sound", body="a")
    answer = reply(ticket, author=agent, body="Please try this.")
    ticket.refresh_from_db()
    assert answer.from_staff
    assert ticket.state == TicketState.WAITING_ON_USER
    told = Notification.objects.get(user=user)
    assert (told.kind, told.title, told.link) == ("ticket_answered", "We answered: No sound", f"/tickets/{ticket.public_id}/")
    reply(ticket, author=user, body="That helped.")
    ticket.refresh_from_db()
    assert ticket.state == TicketState.WAITING_ON_US
    assert Notification.objects.count() == 1


@pytest.mark.django_db
def test_asking_again_moves_an_answered_ticket_back_to_us() -> None:
    user = make_user()
    ticket = open_ticket(owner=user, subject="s", body="a")
    reply(ticket, author=make_user(staff=True), body="b")
    assert open_ticket(owner=user, subject="s", body="c").state == TicketState.WAITING_ON_US


@pytest.mark.django_db
def test_a_stranger_cannot_write() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="a")
    with pytest.raises(NotFound):
        reply(ticket, author=make_user(), body="b")


@pytest.mark.django_db
def test_a_solved_ticket_lives_again_when_its_owner_writes() -> None:
    user = make_user()
    ticket = solve_ticket(open_ticket(owner=user, subject="s", body="a"))
    assert ticket.state == TicketState.SOLVED
    reply(ticket, author=user, body="Not quite")
    ticket.refresh_from_db()
    assert ticket.state == TicketState.WAITING_ON_US


@pytest.mark.django_db
def test_a_solved_ticket_stays_solved_when_a_newer_one_about_the_same_lives() -> None:
    user = make_user()
    old = solve_ticket(open_ticket(owner=user, subject="s", body="a"))
    new = open_ticket(owner=user, subject="s", body="b")
    assert new.pk != old.pk
    with pytest.raises(TicketChanged):
        reply(old, author=user, body="c")
    with pytest.raises(TicketChanged):
        reopen_ticket(old)
    assert old.messages.count() == 1, "refused as a whole"


@pytest.mark.django_db
def test_a_closed_ticket_takes_no_more() -> None:
    user = make_user()
    ticket = close_ticket(open_ticket(owner=user, subject="s", body="a"))
    with pytest.raises(TicketClosed):
        reply(ticket, author=user, body="b")
    assert open_ticket(owner=user, subject="s", body="b").pk != ticket.pk


@pytest.mark.django_db
@pytest.mark.parametrize("move", [solve_ticket, close_ticket])
def test_a_change_based_on_an_old_look_is_refused(move: Callable[..., Ticket]) -> None:
    user = make_user()
    ticket = open_ticket(owner=user, subject="s", body="a")
    seen = ticket.version
    reply(ticket, author=user, body="b")
    with pytest.raises(TicketChanged):
        move(ticket, version=seen)
    assert move(ticket, version=seen + 1).version == seen + 2


@pytest.mark.django_db
def test_states_only_move_where_they_may() -> None:
    ticket = open_ticket(owner=make_user(), subject="s", body="a")
    with pytest.raises(TicketChanged):
        reopen_ticket(ticket)
    closed = close_ticket(ticket)
    with pytest.raises(TicketChanged):
        solve_ticket(closed)
    assert reopen_ticket(closed).state == TicketState.WAITING_ON_US


@pytest.mark.django_db
def test_a_person_sees_their_own_tickets() -> None:
    video = make_video()
    mine = open_ticket(owner=video.owner, subject="s", body="a", video=video)
    theirs = open_ticket(owner=make_user(), subject="s", body="a")
    assert list(tickets_of(video.owner)) == [mine]
    assert ticket_of(video.owner, theirs.public_id) is None
    assert ticket_of(video.owner, mine.public_id) == mine
    assert live_ticket(video.owner, video) == mine
    close_ticket(mine)
    assert live_ticket(video.owner, video) is None
