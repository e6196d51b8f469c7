"""What people are told when the database is there, but not for them right now."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, wait


class DatabaseBusy(AppError):
    entry = Entry(
        code="DATABASE_BUSY",
        title="Too many people at once",
        what_happened="More people asked for something at this moment than we can serve together. What you uploaded is safe; nothing was changed.",
        actions=(wait("Wait a few seconds, then reload"),),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AUTO, severity="warning",
        runbook="Every connection of a web process was in use for DATABASE_POOL_SECONDS. Look for slow statements in the log, then raise DATABASE_POOL.",
    )  # fmt: skip


class DatabaseContended(AppError):
    entry = Entry(
        code="DATABASE_CONTENDED",
        title="Too many changes to the same thing",
        what_happened="Others were changing the same thing at the same moment, again and again, so your change was not made.",
        actions=(wait("Wait a few seconds, then try again"),),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AUTO, severity="warning",
        runbook="A transaction met deadlocks or locks in every try. pg_stat_activity and pg_locks say who holds them; an idle transaction ends by itself.",
    )  # fmt: skip


class DatabaseTooSlow(AppError):
    entry = Entry(
        code="DATABASE_TOO_SLOW",
        title="That took our database too long",
        what_happened="Our database did not finish this within its time, so it was stopped and nothing was changed.",
        actions=(wait("Wait a minute, then try again"), ASK_FOR_HELP),
        status=503, category=Category.CAPACITY, fault=Fault.US, retry=Retry.AUTO,
        runbook="The log names slow statements by fingerprint (database.slow_query). Look at their plans and at the load of the server.",
    )  # fmt: skip


class CommitUnanswered(AppError):
    entry = Entry(
        code="COMMIT_UNANSWERED",
        title="Look whether your change was kept",
        what_happened="The line to our database broke just while your change was being stored, so we cannot tell whether it was kept.",
        actions=(button("Reload and look", "reload"), ASK_FOR_HELP),
        status=503, category=Category.DEPENDENCY, fault=Fault.US, retry=Retry.AUTO,
        runbook="The database or the line to it went away in the middle of a commit. Programs that send a key again are answered rightly.",
    )  # fmt: skip
