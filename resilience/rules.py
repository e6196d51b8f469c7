"""What must hold of tasks and mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Now

from resilience.integrity import Breach, in_batches, rule
from resilience.mail import KIND
from resilience.models import Mail, Task, TaskRun
from resilience.models.mail import MailState
from resilience.models.tasks import LIVE_STATES, RunOutcome, TaskState
from resilience.tasks import enqueue, sweep

OVERDUE = timedelta(minutes=5)  # the sweep comes every ten seconds


def _take_over(breach: Breach) -> bool:
    sweep.reap_leases()
    return not Task.objects.filter(pk=breach.row.pk, state=TaskState.LEASED, lease_epoch=breach.row.lease_epoch).exists()


@rule("tasks.leases", about="No task is held by a lease that ended long ago.", repair=_take_over)
def leases() -> Iterator[Breach]:
    for task in in_batches(Task.objects.filter(state=TaskState.LEASED, lease_expires_at__lt=Now() - OVERDUE)):
        yield Breach(str(task.pk), f"{task} has been held since its lease ended at {task.lease_expires_at:%Y-%m-%d %H:%M:%S}", task)


def _close_run(breach: Breach) -> bool:
    return bool(TaskRun.objects.filter(pk=breach.row.pk, outcome="").update(outcome=RunOutcome.LOST, ended_at=Now()))


@rule("tasks.runs", about="Every open run holds its task's lease.", repair=_close_run)
def runs() -> Iterator[Breach]:
    stray = TaskRun.objects.filter(outcome="", started_at__lt=Now() - OVERDUE).exclude(task__state=TaskState.LEASED, number=F("task__lease_epoch"))
    for run in in_batches(stray):
        yield Breach(f"{run.task_id}/{run.number}", "the run is open, and its task is not held by it", run)


def _send_again(breach: Breach) -> bool:
    return enqueue(KIND, key=str(breach.row.pk), payload={"mail_id": str(breach.row.pk)}) is not None


@rule("mail.tasks", about="Every waiting message has a task that delivers it.", repair=_send_again)
def mail_tasks() -> Iterator[Breach]:
    working = Task.objects.filter(kind=KIND, state__in=LIVE_STATES).annotate(mail=KT("payload__mail_id")).filter(mail=OuterRef("text"))
    for mail in in_batches(Mail.objects.filter(state=MailState.WAITING).annotate(text=Cast("pk", TextField())).filter(~Exists(working)).defer("body")):
        yield Breach(str(mail.pk), f"“{mail.subject}” waits and nobody delivers it", mail)


def _forget_body(breach: Breach) -> bool:
    return bool(Mail.objects.filter(pk=breach.row.pk, state=MailState.SENT).update(body=b"", left=[]))


@rule("mail.bodies", about="Nothing of a delivered message is kept but who got it.", repair=_forget_body)
def mail_bodies() -> Iterator[Breach]:
    for mail in in_batches(Mail.objects.filter(state=MailState.SENT).filter(~Q(body=b"") | ~Q(left=[])).defer("body")):
        yield Breach(str(mail.pk), f"“{mail.subject}” is delivered, and its body is still there", mail)
