"""Errors of the protocol itself: one entry for every status the house can give without a better reason."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, link, wait


class BadRequest(AppError):
    entry = Entry(
        code="REQUEST_MALFORMED",
        title="We could not read that request",
        what_happened="Part of what was sent is not in a form we understand, so nothing was changed.",
        actions=(link("Go to the start page", "home"), ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class ValidationFailed(AppError):
    entry = Entry(
        code="REQUEST_INVALID",
        title="Some of the values need another look",
        what_happened="One or more values cannot be used as they are; the list says which and why. Nothing was changed.",
        actions=(button("Correct the values and send again", "retry"),),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class NotSignedIn(AppError):
    entry = Entry(
        code="AUTH_REQUIRED",
        title="Please sign in",
        what_happened="This needs a signed-in person or a valid API token, and we found neither.",
        actions=(link("Sign in", "login"),),
        status=401, category=Category.AUTH, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip

    def headers(self) -> dict[str, str]:
        return super().headers() | {"WWW-Authenticate": "Token"}


class NotAllowed(AppError):
    entry = Entry(
        code="AUTH_FORBIDDEN",
        title="You may not do that here",
        what_happened="You are signed in, but this is not open to you.",
        actions=(link("Go to the start page", "home"), ASK_FOR_HELP),
        status=403, category=Category.AUTH, fault=Fault.USER, retry=Retry.NEVER, severity="info",
    )  # fmt: skip


class FormExpired(AppError):
    entry = Entry(
        code="AUTH_FORM_EXPIRED",
        title="This page has been open too long",
        what_happened="The form could not be matched with your visit, so we did not act on it.",
        actions=(button("Reload the page and try again", "reload"), ASK_FOR_HELP),
        status=403, category=Category.AUTH, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class NotFound(AppError):
    entry = Entry(
        code="NOT_FOUND",
        title="There is nothing at this address",
        what_happened="What you are looking for does not exist, was removed, or belongs to somebody else.",
        actions=(link("Go to the start page", "home"), link("Read the guides", "guide:")),
        status=404, category=Category.INPUT, fault=Fault.USER, retry=Retry.NEVER, severity="info",
    )  # fmt: skip


class MethodNotAllowed(AppError):
    entry = Entry(
        code="METHOD_NOT_ALLOWED",
        title="That cannot be done at this address",
        what_happened="The address exists, but it does not take this kind of request.",
        actions=(link("Go to the start page", "home"),),
        status=405, category=Category.INPUT, fault=Fault.USER, retry=Retry.NEVER, severity="info",
    )  # fmt: skip


class NotAcceptable(AppError):
    entry = Entry(
        code="NOT_ACCEPTABLE",
        title="We cannot answer in that format",
        what_happened="The request asks for a format we do not speak here; we answer in JSON.",
        actions=(button("Ask for application/json", "retry"),),
        status=406, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class VersionConflict(AppError):
    entry = Entry(
        code="CONFLICT",
        title="Somebody was faster",
        what_happened="This changed while you were looking at it, so your change was not made.",
        actions=(button("Reload and look again", "reload"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        fields=("current", "yours"),  # what is there now, and what was sent: for whoever has to choose
    )  # fmt: skip


class VersionMismatch(AppError):
    entry = Entry(
        code="VERSION_MISMATCH",
        title="Somebody was faster",
        what_happened="This changed since you last read it, so your change was not made.",
        actions=(button("Read it again, then send the change with its new ETag", "reload"),),
        status=412, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        fields=("current", "yours"),  # what is there now, and what was sent: for whoever has to choose
    )  # fmt: skip


class VersionRequired(AppError):
    entry = Entry(
        code="VERSION_REQUIRED",
        title="Say which version you are changing",
        what_happened="A change here needs the header If-Match with the ETag you read, so that nobody's work is overwritten unseen.",
        actions=(button("Read it, then send If-Match with its ETag", "reload"),),
        status=428, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class RequestTooLarge(AppError):
    entry = Entry(
        code="REQUEST_TOO_LARGE",
        title="That request is too large",
        what_happened="What was sent is larger than this address takes. Files go to the upload page.",
        actions=(link("Upload a file", "home"),),
        status=413, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class UnsupportedMediaType(AppError):
    entry = Entry(
        code="REQUEST_TYPE_UNSUPPORTED",
        title="We do not read that content type here",
        what_happened="The request's content type is not one this address reads; it takes application/json.",
        actions=(button("Send application/json", "retry"),),
        status=415, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class RateLimited(AppError):
    entry = Entry(
        code="RATE_LIMITED",
        title="That was a little too fast",
        what_happened="There were more requests than we take in so short a time. Nothing is lost.",
        actions=(wait("Wait, then go on"),),
        status=429, category=Category.CAPACITY, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
    )  # fmt: skip


class DatabaseUnavailable(AppError):
    entry = Entry(
        code="DATABASE_UNAVAILABLE",
        title="We are back in a moment",
        what_happened="Our database does not answer right now. What you uploaded is safe, and uploads go on by themselves.",
        actions=(wait("Wait a few seconds, then reload"),),
        status=503, category=Category.DEPENDENCY, fault=Fault.US, retry=Retry.AUTO, severity="critical",
        runbook="Run `manage.py doctor`; look at PostgreSQL's log and its connection count.",
    )  # fmt: skip
