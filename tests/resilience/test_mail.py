"""A message is not lost: not by a server that is away, hesitates, or dies with it; and nobody gets it over and over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives, send_mail
from django.db import transaction
from django.test import Client
from django.utils import timezone

from resilience.circuits import rests
from resilience.mail import CIRCUIT, KIND, tidy, watching
from resilience.mail.deliver import deliver
from resilience.models import Mail, Task
from resilience.models.mail import MailState
from resilience.models.tasks import TaskState
from resilience.tasks import dead, runner
from resilience.watching.readiness import State
from tests.factories import make_user
from tests.mailbox import Mailbox

pytestmark = pytest.mark.django_db
LINK = "https://holdfast.example/accounts/password/reset/key/secret-of-the-link/"


@pytest.fixture
def server(settings: Any) -> Iterator[Mailbox]:
    with Mailbox() as running:
        settings.EMAIL_BACKEND = "resilience.mail.backend.DurableMail"
        settings.MAIL_DELIVERY = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", running.port, False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield running


def write(*to: str, subject: str = "Your link") -> Mail:
    assert send_mail(subject, f"Follow {LINK}", None, list(to) or ["ada@example.org"]) == 1
    return Mail.objects.latest("created_at")


def run() -> None:
    """Run what is due, and what waits for its next try as if its time had come."""
    Task.objects.filter(kind=KIND, state=TaskState.RETRY_WAIT).update(run_at=timezone.now() - timedelta(seconds=1))
    runner.run_due()


def state_of(message: Mail) -> tuple[str, str]:
    message.refresh_from_db()
    return message.state, message.error_code


def task_of(message: Mail) -> Task:
    return Task.objects.filter(kind=KIND, key=str(message.pk)).latest("created_at")


def test_sending_asks_no_server_and_delivering_keeps_no_body(server: Mailbox) -> None:
    message = write("Ada <ada@example.org>")
    assert not server.taken
    run()
    [(recipients, taken)] = server.taken
    assert recipients == ["ada@example.org"]
    assert LINK in taken.get_payload()
    assert taken["Message-ID"] == message.message_id
    assert state_of(message) == (MailState.SENT, "")
    assert bytes(message.body) == b""


def test_a_message_of_a_transaction_that_was_rolled_back_is_never_sent(server: Mailbox) -> None:
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    run()
    assert not server.taken
    assert not Mail.objects.exists()


def test_a_server_that_is_away_gets_it_when_it_is_back(server: Mailbox) -> None:
    message = write()
    server.close()
    run()
    assert state_of(message) == (MailState.WAITING, "MAIL_SERVER_AWAY")
    server.open()
    run()
    assert state_of(message) == (MailState.SENT, "")
    assert len(server.taken) == 1


def test_while_the_server_stays_away_the_circuit_opens_and_readiness_says_so(server: Mailbox) -> None:
    assert watching.mail().state is State.OK
    server.close()
    messages = [write(f"person{number}@example.org") for number in range(4)]
    run()
    assert rests(CIRCUIT) > 0
    assert watching.mail().state is State.DEGRADED
    assert {state_of(message)[0] for message in messages} == {MailState.WAITING}
    assert not Task.objects.filter(kind=KIND, state=TaskState.DEAD).exists()


def test_a_message_that_waits_long_is_told_of(server: Mailbox) -> None:
    Mail.objects.filter(pk=write().pk).update(created_at=timezone.now() - timedelta(minutes=6))
    assert watching.mail().state is State.DEGRADED


def test_a_server_that_wants_it_later_gets_it_later(server: Mailbox) -> None:
    server.rcpt = lambda address: "451 4.7.1 Greylisted, come again"
    message = write()
    run()
    assert state_of(message) == (MailState.WAITING, "MAIL_DELAYED")
    assert rests(CIRCUIT) == 0  # the server is well
    server.rcpt = lambda address: "250 OK"
    run()
    assert state_of(message) == (MailState.SENT, "")


def test_an_address_that_does_not_exist_is_a_dead_letter_at_once_with_the_servers_words(server: Mailbox) -> None:
    server.rcpt = lambda address: "550 5.1.1 No such user here"
    message = write()
    run()
    assert state_of(message) == (MailState.DEAD, "MAIL_REFUSED")
    assert "No such user here" in message.last_error
    assert task_of(message).state == TaskState.DEAD
    assert rests(CIRCUIT) == 0


def test_a_message_refused_for_its_content_is_a_dead_letter_that_can_be_replayed(server: Mailbox) -> None:
    server.data = lambda: "554 5.7.1 This looks like spam"
    message = write()
    run()
    assert state_of(message) == (MailState.DEAD, "MAIL_REFUSED")
    server.data = lambda: "250 OK"
    dead.replay(task_of(message))
    run()
    assert state_of(message) == (MailState.SENT, "")


def test_of_several_recipients_nobody_gets_it_twice_for_anothers_sake(server: Mailbox) -> None:
    answers = {"no@example.org": "550 gone", "late@example.org": "450 busy"}
    server.rcpt = lambda address: answers.get(address, "250 OK")
    message = write("yes@example.org", "no@example.org", "late@example.org")
    run()
    assert state_of(message) == (MailState.WAITING, "MAIL_DELAYED")
    answers.clear()
    run()
    assert state_of(message) == (MailState.SENT, "")
    assert [recipients for recipients, _message in server.taken] == [["yes@example.org"], ["late@example.org"]]
    assert list(message.refused) == ["no@example.org"]


def test_a_line_that_breaks_after_the_message_was_sent_sends_it_again_under_the_same_id(server: Mailbox) -> None:
    server.hang_up_after_data = True
    message = write()
    run()
    assert state_of(message) == (MailState.WAITING, "MAIL_SERVER_AWAY")
    run()
    assert state_of(message) == (MailState.SENT, "")
    assert [taken["Message-ID"] for _recipients, taken in server.taken] == [message.message_id] * 2


def test_a_worker_that_dies_after_the_server_took_it_sends_no_other_message(server: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(BaseException):
        pass

    def die(name: str) -> None:
        raise Died

    message = write()
    with monkeypatch.context() as patched:
        patched.setattr("resilience.mail.deliver.point", die)
        with pytest.raises(Died):
            runner.run_due()
    assert state_of(message) == (MailState.WAITING, "")
    Task.objects.filter(pk=task_of(message).pk).update(state=TaskState.PENDING, lease_expires_at=None)  # as the sweep does
    run()
    run()
    assert {taken["Message-ID"] for _recipients, taken in server.taken} == {message.message_id}
    assert len(server.taken) == 2


def test_a_task_that_runs_twice_sends_once(server: Mailbox) -> None:
    message = write()
    run()
    deliver(str(message.pk))
    assert len(server.taken) == 1


def test_a_password_reset_is_a_durable_message(server: Mailbox, client: Client, django_capture_on_commit_callbacks: Any) -> None:
    make_user(email="ada@example.org")
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post("/accounts/password/reset/", {"email": "ada@example.org"}).status_code == 302
    assert not server.taken
    run()
    assert [recipients for recipients, _message in server.taken] == [["ada@example.org"]]


def test_operators_see_who_was_written_to_and_never_what(server: Mailbox, client: Client) -> None:
    client.force_login(make_user(superuser=True))
    message = write("ada@example.org", subject="Your link")
    for address in ("/admin/resilience/mail/", f"/admin/resilience/mail/{message.pk}/change/"):
        page = client.get(address).content.decode()
        assert "ada@example.org" in page
        assert "secret-of-the-link" not in page
    assert "secret" not in str(task_of(message).payload)


def test_without_a_mail_server_messages_go_where_the_setting_says(server: Mailbox, settings: Any) -> None:
    settings.MAIL_DELIVERY = "django.core.mail.backends.locmem.EmailBackend"
    both = EmailMultiAlternatives("Ä subject", "plain words: ü", None, ["ada@example.org"])
    both.attach_alternative("<p>words</p>", "text/html")
    both.send()
    run()
    [sent] = mail.outbox
    assert (sent.subject, sent.body.strip()) == ("Ä subject", "plain words: ü")
    assert re.search("multipart/alternative", sent.message().as_string())


def test_a_refused_login_is_our_fault_and_tried_again(server: Mailbox, settings: Any) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "us", "wrong"
    message = write()
    run()
    assert state_of(message) == (MailState.WAITING, "MAIL_SENDER_REFUSED")


def test_old_messages_go_and_young_ones_stay(server: Mailbox) -> None:
    now = timezone.now()
    for state, days, sent in (("sent", 8, 8), ("sent", 2, 2), ("dead", 31, None), ("dead", 29, None), ("waiting", 99, None)):
        row = write(f"{state}{days}@example.org")
        Mail.objects.filter(pk=row.pk).update(state=state, created_at=now - timedelta(days=days), sent_at=sent and now - timedelta(days=sent))
    assert tidy.remove_old(dry_run=True) == 2
    assert tidy.remove_old(dry_run=False) == 2
    assert sorted(row.recipients[0] for row in Mail.objects.all()) == ["dead29@example.org", "sent2@example.org", "waiting99@example.org"]
