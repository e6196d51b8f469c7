"""A little of everything the console shows."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from notifications.models import Event, Notification, NotificationKind
from processing.models import (
    Attempt,
    AttemptState,
    Caption,
    EngineEvent,
    EventQueue,
    Extra,
    Job,
    JobState,
    Publication,
    RemoteOrphan,
    Rendition,
    RenditionState,
    RetryPolicy,
)
from resilience.models import Circuit, CircuitEvent, GroupChange, Mail, OperatorAction, Pause, Reaper, Task, TaskPolicy, TaskRun
from resilience.models.circuits import CircuitState
from resilience.models.tasks import RunOutcome, TaskState
from support.models import Snapshot, Ticket, TicketMessage
from tests.factories import make_job, make_user, make_video
from uploads.models import ResumeToken, SessionState, UploadSession, VideoState

_numbers = itertools.count(1)


def staff_with(*permissions: str) -> User:
    """A person of the staff with just these permissions (`app.codename`)."""
    user = make_user(staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def make_task(*, kind: str = "test.admin", state: str = TaskState.PENDING, **values: Any) -> Task:
    values.setdefault("key", f"key-{next(_numbers)}")
    if state == TaskState.LEASED:
        values.setdefault("lease_expires_at", timezone.now() + timedelta(seconds=30))
        values.setdefault("lease_owner", "host-1:4242:abcd")
        values.setdefault("heartbeat_at", timezone.now())
    if state == TaskState.DEAD:
        values.setdefault("finished_at", timezone.now())
        values.setdefault("attempt", 12)
    return Task.objects.create(kind=kind, state=state, **values)


def make_run(task: Task, *, number: int = 1, outcome: str = RunOutcome.ERROR, **values: Any) -> TaskRun:
    values.setdefault("ended_at", timezone.now())
    return TaskRun.objects.create(task=task, number=number, owner="host-1:4242:abcd", epoch=number, outcome=outcome, **values)


def make_circuit(*, name: str = "engine.local", state: str = CircuitState.CLOSED, **values: Any) -> Circuit:
    return Circuit.objects.create(name=name, state=state, **values)


def make_dead_job(*, attempts: int = 2, **values: Any) -> Job:
    """A job that two attempts could not finish, with everything an operator would look at."""
    now = timezone.now()
    job = make_job(state=JobState.DEAD, error_code="INTERNAL_UNCLASSIFIED", ladder=["360p"], finished_at=now, created_at=now - timedelta(minutes=5), **values)
    for number in range(1, attempts + 1):
        start = job.created_at + timedelta(seconds=20 * number)
        Attempt.objects.create(
            job=job, number=number, engine="local", state=AttemptState.FAILED, error_code="INTERNAL_UNCLASSIFIED", error_class="transient",
            error_raw="[libx264] <b>broken</b>\n" * 3, decision="same engine again in 8 s: transient, 2 of 3",
            created_at=start, started_at=start + timedelta(seconds=2), ended_at=start + timedelta(seconds=15),
        )  # fmt: skip
    Rendition.objects.create(job=job, rung="360p", state=RenditionState.READY, size=123_456, duration_s=2.0, width=640, height=360, ready_at=now)
    task = make_task(kind="processing.submit", key=job.public_id, state=TaskState.DEAD, error_code="INTERNAL_UNCLASSIFIED", error_fingerprint="f" * 40)
    make_run(task, error="it broke", traceback="Traceback (most recent call last)\n<i>here</i>")
    return job


def make_everything(*, each: int = 1) -> None:
    """Fill every table of the console with `each` rows or more."""
    for number in range(each):
        job = make_dead_job()
        owner, video, source = job.video.owner, job.video, job.source
        UploadSession.objects.filter(pk=source.pk).update(error_code="INTERNAL_UNCLASSIFIED", probe={"container": "mp4"}, sha256="ab" * 32)
        ResumeToken.objects.create(session=source, token_hash=f"{number:064d}", expires_at=timezone.now(), absolute_expires_at=timezone.now())
        Publication.objects.create(video=video, job=job, playlist="a/main.m3u8")
        Extra.objects.create(video=video, kind="download", path=f"{job.public_id}/film.mp4", state="failed", error="EngineFailure: <b>")
        Caption.objects.create(video=video, source=source, engine="openai", state="failed", error_code="INTERNAL_UNCLASSIFIED", error_raw="<b>no</b>")
        EngineEvent.objects.create(event_id=f"e{number}", outcome="malformed", said="It is <b>not</b> JSON.", body={"text": "<b>"})
        RemoteOrphan.objects.create(engine="mediaconvert:eu-west-1", external_id=f"j{number}", attempt_id="<b>", source="sweep", status="PROGRESSING")
        EventQueue.objects.create(address=f"https://sqs.eu-west-1.amazonaws.com/111122223333/q{number}#eu-west-1", error="<b>", dead=number)
        Event.objects.create(user=owner, video=video, kind="video.changed", sentence="Converting", data={"video": video.public_id})
        Notification.objects.create(user=owner, kind=NotificationKind.GIVEN_UP, key=f"k{number}", video=video, title="We could not convert it")
        ticket = Ticket.objects.create(owner=owner, video=video, subject="It does not play", error_code="INTERNAL_UNCLASSIFIED")
        TicketMessage.objects.create(ticket=ticket, author=owner, body="Please <script>help</script>")
        Snapshot.objects.create(ticket=ticket, data={"schema": 1, "video": {"state": "failed"}})
        circuit = make_circuit(name=f"engine.local{number or ''}", state=CircuitState.OPEN, last_error="EngineDown", last_error_at=timezone.now())
        CircuitEvent.objects.create(circuit=circuit, version=1, from_state="closed", to_state="open", reason="10 of 10 failed")
        Mail.objects.create(
            message_id=f"<{next(_numbers)}@test>", sender="us@example.org", recipients=["<b>@example.org"], subject="Your link <b>", body=b"secret"
        )
        Reaper.objects.create(name=f"test.reaper{number}", every=timedelta(minutes=1), started_at=timezone.now(), ended_at=timezone.now(), error="OSError: <b>")
        OperatorAction.objects.create(actor=owner, action="test.looked", target=job.public_id)
        RetryPolicy.objects.get_or_create(error_class=f"class{number}", defaults={"tries": 3, "base_s": 5.0, "cap_s": 900.0})
        TaskPolicy.objects.get_or_create(kind=f"test.kind{number}", defaults={"tries": 3})
        Pause.objects.create(scope="kind", name=f"test.kind{number}", reason="it hurts <b>", by=owner)
        GroupChange.objects.create(action="replay", kind=f"test.kind{number}", reason="mended", by=owner, matched=3, done=2, skipped=1)
        make_task(state=TaskState.LEASED)
        make_task(state=TaskState.LEASED, lease_expires_at=timezone.now() - timedelta(minutes=3))
        make_video(state=VideoState.RECEIVING)
        assert source.state == SessionState.ACCEPTED
