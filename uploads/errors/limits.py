"""Limits a person, or all together, have reached. Each says how much there is, how much may be, and what helps."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, link, wait

from .sessions import UploadStalled

_GUIDE = "limits-reached"
_VIDEOS = link("Delete videos you no longer need", "home")
_BYTES = ("size", "used", "limit", "size_text", "used_text", "limit_text")


class QuotaReached(AppError):
    entry = Entry(
        code="UPLOAD_QUOTA_REACHED",
        title="Your storage is full",
        what_happened="You use {used_text} of your {limit_text}, and this file has {size_text}. Delete videos or cancel unfinished uploads, then try again.",
        actions=(_VIDEOS, ASK_FOR_HELP),
        status=413, category=Category.CAPACITY, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide=_GUIDE, fields=_BYTES,
        runbook="Raise UPLOAD_USER_QUOTA if people should have more room.",
    )  # fmt: skip


class DailyReached(AppError):
    entry = Entry(
        code="UPLOAD_DAILY_LIMIT_REACHED",
        title="That is all for one day",
        what_happened="In the last 24 hours you sent {used_text} of {limit_text}, and this file has {size_text}. Try again when the first of it is a day old.",
        actions=(wait("Wait until the first of it is a day old"), ASK_FOR_HELP),
        status=429, category=Category.CAPACITY, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide=_GUIDE, fields=_BYTES,
        runbook="Raise UPLOAD_USER_DAILY if people should be able to send more in a day.",
    )  # fmt: skip


class TooManyOpen(AppError):
    entry = Entry(
        code="UPLOAD_TOO_MANY_OPEN",
        title="Too many of your uploads are unfinished",
        what_happened="You have as many unfinished uploads as one person may have ({limit}). Let some of them finish, or cancel those you no longer want.",
        actions=(link("Go to your unfinished uploads", "home"), ASK_FOR_HELP),
        status=429, category=Category.CAPACITY, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide=_GUIDE, fields=("used", "limit"),
        runbook="Raise UPLOAD_USER_OPEN if a program needs more at once.",
    )  # fmt: skip


class TooManyRequests(AppError):
    entry = Entry(
        code="UPLOAD_TOO_MANY_CONNECTIONS",
        title="You are sending over too many connections",
        what_happened="You are sending over as many connections at once as one person may ({limit}). What arrived is kept; the rest can follow in a moment.",
        actions=(wait("Wait until some of your uploads are done"), ASK_FOR_HELP),
        status=429, category=Category.CAPACITY, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide=_GUIDE, fields=("used", "limit"),
        runbook="Raise UPLOAD_USER_CONNECTIONS if a program needs more at once.",
    )  # fmt: skip


class ServiceFull(AppError):
    entry = Entry(
        code="UPLOAD_SERVICE_FULL",
        title="We have no room for more uploads",
        what_happened="All uploads together take {used_text} of the {limit_text} we have for them, and this file has {size_text}. Nothing was sent.",
        actions=(wait("Try again in an hour"), ASK_FOR_HELP),
        status=507, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="critical",
        guide=_GUIDE, fields=_BYTES,
        runbook="Raise UPLOAD_ALL_QUOTA, or remove what is no longer needed.",
    )  # fmt: skip


class ServiceDailyReached(AppError):
    entry = Entry(
        code="UPLOAD_SERVICE_DAILY_LIMIT_REACHED",
        title="We have taken all we can for one day",
        what_happened="In the last 24 hours we took {used_text} of {limit_text}, and this file has {size_text}. Nothing was sent.",
        actions=(wait("Try again in an hour"), ASK_FOR_HELP),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="warning",
        guide=_GUIDE, fields=_BYTES,
        runbook="Look who sends so much; raise UPLOAD_ALL_DAILY if it is meant.",
    )  # fmt: skip


class ServiceBusy(AppError):
    entry = Entry(
        code="UPLOAD_SERVICE_BUSY",
        title="Very many people are uploading right now",
        what_happened="As many uploads are under way as we take at once ({limit}). Those that began go on; try again in a minute.",
        actions=(wait("Wait a minute, then try again"), ASK_FOR_HELP),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AFTER_WAIT, severity="warning",
        guide=_GUIDE, fields=("used", "limit"),
        runbook="Look for a program that opens uploads and leaves them; raise UPLOAD_ALL_OPEN if it is meant.",
    )  # fmt: skip


class TooSlow(UploadStalled):
    """Silent for never long enough to be taken for dead, and yet of no use."""

    entry = Entry(
        code="UPLOAD_TOO_SLOW",
        title="The connection is too slow",
        what_happened="Less than {limit} bytes a second arrived for {seconds} seconds, so we saved what we had and closed the connection.",
        actions=(button("Go on where it stopped", "resume"), ASK_FOR_HELP),
        status=408, category=Category.NETWORK, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping", fields=("limit", "seconds"),
    )  # fmt: skip
