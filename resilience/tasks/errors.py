"""What can become of a task that is nobody's mistake in its own body."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, wait


class TaskTimedOut(AppError):
    entry = Entry(
        code="TASK_TIMED_OUT",
        title="This step took too long",
        what_happened="A step in the background took longer than the {seconds} seconds it may take, so we stopped it and will try again.",
        actions=(wait("Nothing to do: we try again by ourselves"), ASK_FOR_HELP),
        status=504, category=Category.INTERNAL, fault=Fault.US, retry=Retry.AUTO, fields=("seconds",),
        runbook="Look at the task's runs: where does the time go? Raise the kind's timeout only if the work really needs it.",
        examples=({"seconds": 120},),
    )  # fmt: skip


class TaskCrashed(AppError):
    entry = Entry(
        code="TASK_CRASHED",
        title="A step in the background was cut off",
        what_happened="The process that was working on this ended before it was done. We start the step again by ourselves.",
        actions=(wait("Nothing to do: we try again by ourselves"), ASK_FOR_HELP),
        status=503, category=Category.INTERNAL, fault=Fault.US, retry=Retry.AUTO,
        runbook="Look for a kill, a restart or the out-of-memory killer in the host's log at the time the run ended.",
    )  # fmt: skip


class TaskPoison(AppError):
    entry = Entry(
        code="TASK_POISON",
        title="This step keeps being cut off",
        what_happened="The process that was working on this ended {crashes} times before it was done, so we stopped trying. We have been told about it.",
        actions=(ASK_FOR_HELP,),
        status=500, category=Category.INTERNAL, fault=Fault.US, retry=Retry.NEVER, severity="critical", fields=("crashes",),
        runbook="Read the runs of this dead letter and the host's log: memory, a crash in a native library, or a kill. Replay it once the cause is gone.",
        examples=({"crashes": 3},),
    )  # fmt: skip


class TaskKindUnknown(AppError):
    entry = Entry(
        code="TASK_KIND_UNKNOWN",
        title="This step belongs to another version",
        what_happened="A step in the background was put down by another version of this system. It waits until that version runs.",
        actions=(wait("Nothing to do: we try again by ourselves"), ASK_FOR_HELP),
        status=503, category=Category.INTERNAL, fault=Fault.US, retry=Retry.AFTER_WAIT, fields=("kind",),
        runbook="Finish the deployment, or discard the dead letter if the kind was removed for good.",
        examples=({"kind": "uploads.inspect"},),
    )  # fmt: skip


class TaskInterrupted(AppError):
    entry = Entry(
        code="TASK_INTERRUPTED",
        title="A step in the background was put back",
        what_happened="A planned restart put this step back in line. It starts again by itself.",
        actions=(wait("Nothing to do"),),
        status=503, category=Category.INTERNAL, fault=Fault.US, retry=Retry.AUTO, severity="info",
    )  # fmt: skip


class TaskNotInThatState(AppError):
    entry = Entry(
        code="TASK_STATE_CHANGED",
        title="That task has moved on",
        what_happened="The task is {state} now, so this was not done.",
        actions=(wait("Reload and look again"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info", fields=("state",),
        examples=({"state": "succeeded"},),
    )  # fmt: skip


class TaskAlreadyLive(AppError):
    entry = Entry(
        code="TASK_ALREADY_LIVE",
        title="The same work is already under way",
        what_happened="A newer task does the same work ({key}), so this one was not started again.",
        actions=(wait("Nothing to do"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.NEVER, severity="info", fields=("key",),
        examples=({"key": "job_0123456789abcdefghjk"},),
    )  # fmt: skip


class PauseTargetUnknown(AppError):
    entry = Entry(
        code="PAUSE_TARGET_UNKNOWN",
        title="There is nothing of that name to pause",
        what_happened="No {scope} of tasks is called {name}, so nothing was paused.",
        actions=(wait("Look the name up in the list of kinds and queues"),),
        status=404, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info", fields=("scope", "name"),
        runbook="`/admin/` → Pauses → Add lists every kind and queue.",
        examples=({"scope": "kind", "name": "uploads.inspct"},),
    )  # fmt: skip


class PauseAlreadyOver(AppError):
    entry = Entry(
        code="PAUSE_ALREADY_OVER",
        title="That pause would be over already",
        what_happened="The end given for the pause of {name} lies in the past, so nothing was paused.",
        actions=(wait("Give an end that lies ahead"),),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info", fields=("name",),
        examples=({"name": "media"},),
    )  # fmt: skip


class NothingPaused(AppError):
    entry = Entry(
        code="NOTHING_PAUSED",
        title="That was not paused",
        what_happened="The {scope} {name} is not paused, so there was nothing to resume.",
        actions=(wait("Nothing to do"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.NEVER, severity="info", fields=("scope", "name"),
        examples=({"scope": "queue", "name": "media"},),
    )  # fmt: skip


class NoDeadLetters(AppError):
    entry = Entry(
        code="NO_DEAD_LETTERS",
        title="No dead letter matches",
        what_happened="No dead letter matches what was chosen: somebody dealt with them already, or the choice names none.",
        actions=(wait("Reload and look again"),),
        status=404, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip


class GroupChangeOver(AppError):
    entry = Entry(
        code="GROUP_CHANGE_OVER",
        title="That has ended already",
        what_happened="This change of many dead letters has ended, so there was nothing to stop.",
        actions=(wait("Nothing to do"),),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.NEVER, severity="info",
    )  # fmt: skip
