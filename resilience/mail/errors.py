"""What can keep a message from being delivered."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, wait


class MailServerAway(AppError):
    entry = Entry(
        code="MAIL_SERVER_AWAY",
        title="Your mail is a little late",
        what_happened="The server that sends our mail does not answer right now. The message is kept, and goes out as soon as it does.",
        actions=(wait("Nothing to do: we send it by ourselves"),),
        status=503, category=Category.DEPENDENCY, fault=Fault.PARTNER, retry=Retry.AUTO, severity="warning",
        runbook="Run `manage.py doctor`: it asks EMAIL_HOST. Waiting messages go out by themselves once it answers.",
    )  # fmt: skip


class MailDelayed(AppError):
    entry = Entry(
        code="MAIL_DELAYED",
        title="Your mail is a little late",
        what_happened="The mail server of the address asked us to come again later, as many do with senders they do not know. We will.",
        actions=(wait("Nothing to do: we send it by ourselves"),),
        status=503, category=Category.DEPENDENCY, fault=Fault.PARTNER, retry=Retry.AUTO, severity="info",
        runbook="Nothing, unless many messages wait like this: then the sending host may be on a list of senders nobody trusts.",
    )  # fmt: skip


class MailRefused(AppError):
    entry = Entry(
        code="MAIL_REFUSED",
        title="That address takes no mail",
        what_happened="The mail server of the address refused our message for good. Often the address is misspelt, or no longer in use.",
        actions=(button("Use another address", "retry"), ASK_FOR_HELP),
        status=422, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="warning",
        runbook="The message's page shows the server's words. A misspelt address needs its owner; words about spam need the sending host's DNS mended.",
    )  # fmt: skip


class MailSenderRefused(AppError):
    entry = Entry(
        code="MAIL_SENDER_REFUSED",
        title="Our mail server does not let us send",
        what_happened="The server that sends our mail refused us as a sender. The message is kept until that is mended.",
        actions=(wait("Nothing to do: we are told about it"), ASK_FOR_HELP),
        status=503, category=Category.DEPENDENCY, fault=Fault.US, retry=Retry.AUTO, severity="critical",
        runbook="Check EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS and DEFAULT_FROM_EMAIL, then replay the dead letters of mail.deliver.",
    )  # fmt: skip
