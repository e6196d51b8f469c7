"""One message to the mail server, and what its answer means. SMTP by itself says it in numbers: 4xx come again, 5xx never."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend

from resilience.errors import AppError

from .errors import MailDelayed, MailRefused, MailSenderRefused, MailServerAway

_GOING_AWAY = 421
_LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Taken:
    """What the server took. `later`: recipients to come again for; `refused`: those it never takes it for, with its words."""

    later: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def send(raw: bytes, *, sender: str, recipients: list[str]) -> Taken:
    """Hand a message over.

    Raises:
        MailServerAway: no answer; it may have been taken all the same. MailSenderRefused: it does not let us send.
        MailDelayed, MailRefused: it does not take the message itself. What only concerns single recipients is in the answer.
    """
    connection = get_connection(settings.MAIL_DELIVERY, fail_silently=False)
    if not isinstance(connection, EmailBackend):
        connection.send_messages([_Rendered(raw, sender, recipients)])  # type: ignore[list-item] # all they ask of one
        return Taken()
    try:
        _open(connection)
        server = connection.connection
        assert server is not None
        return _taken(server.sendmail(_address(sender), [_address(each) for each in recipients], raw), recipients)
    except smtplib.SMTPRecipientsRefused as refused:
        return _taken(refused.recipients, recipients)
    except smtplib.SMTPSenderRefused as refused:
        raise _because(_by_code(refused.smtp_code, MailSenderRefused), refused.smtp_code, refused.smtp_error) from refused
    except smtplib.SMTPResponseException as answer:
        raise _because(_by_code(answer.smtp_code, MailRefused), answer.smtp_code, answer.smtp_error) from answer
    except (OSError, smtplib.SMTPException) as away:
        raise _because(MailServerAway(), 0, str(away)) from away
    finally:
        for line in (connection.connection, getattr(connection, "_partial_connection", None)):  # the second: where logging in failed
            if line is not None:
                line.close()  # politeness costs a round trip, and may fail after the message was taken


def _open(connection: EmailBackend) -> None:
    """Connect, greet and log in. What the server says against that is about us, not about a message."""
    try:
        connection.open()
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as refused:
        raise _because(MailSenderRefused(), getattr(refused, "smtp_code", 0), str(refused)) from refused
    except smtplib.SMTPResponseException as answer:
        raise _because(MailServerAway(), answer.smtp_code, answer.smtp_error) from answer


def _by_code(code: int, never: type[AppError]) -> AppError:
    if code == _GOING_AWAY or code < 0:
        return MailServerAway()
    return MailDelayed() if code < 500 else never()


def _taken(refused: Mapping[str, tuple[int, bytes]], recipients: list[str]) -> Taken:
    by_address = {_address(each): each for each in recipients}
    later = tuple(by_address[address] for address, (code, _words) in refused.items() if code < 500)
    never = {by_address[address]: _words_of(code, words) for address, (code, words) in refused.items() if code >= 500}
    return Taken(later, never)


def _address(text: str) -> str:
    return parseaddr(text)[1] or text


def _because(error: AppError, code: int, words: bytes | str) -> AppError:
    error.add_note(_words_of(code, words))
    return error


def _words_of(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return " ".join(f"{code or ''} {text}".split())[:_LONGEST_WORDS]


class _Rendered:
    """A stored message for the backends that are no mail server: files, and memory in tests."""

    def __init__(self, raw: bytes, sender: str, recipients: list[str]) -> None:
        self._raw, self.from_email, self.to = raw, sender, recipients
        parsed = self.message()
        self.subject = str(parsed["subject"])
        found: Any = parsed.get_body(("plain",)) if hasattr(parsed, "get_body") else None
        self.body = found.get_content() if found is not None else ""

    def message(self) -> Message:
        return message_from_bytes(self._raw, policy=policy.default)

    def recipients(self) -> list[str]:
        return self.to
