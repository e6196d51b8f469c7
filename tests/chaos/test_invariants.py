"""The checkers themselves: each finds nothing where all is well, and what was broken where it is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from notifications.models import Notification, NotificationKind
from processing.models import Attempt, Job, Publication, Rendition
from resilience.models import Task, TaskRun
from tests.chaos import invariants
from tests.chaos.walker.ledger import Ledger
from tests.factories import make_job, make_user, make_video
from uploads.figures import RECEIVED
from uploads.models import SessionState, UploadSession, Video, VideoState
from uploads.store import store

pytestmark = pytest.mark.django_db
BYTES = b"all of it" * 100


@pytest.fixture
def evidence(settings: Any, tmp_path: Path) -> invariants.Evidence:
    """One file sent and converted, and everything as it must be."""
    settings.UPLOAD_DIR, settings.WORK_DIR = tmp_path / "uploads", tmp_path / "work"
    settings.RENDITION_DIR = tmp_path / "renditions"
    settings.STORAGES = settings.STORAGES | {"default": settings.STORAGES["default"] | {"OPTIONS": {"location": settings.RENDITION_DIR}}}
    person = make_user()
    job = make_job(video=make_video(owner=person, state=VideoState.READY), state="ready", ladder=[{"name": "360p"}], finished_at=Now())
    session = job.source
    UploadSession.objects.filter(pk=session.pk).update(storage_key=session.public_id, committed=len(BYTES), length=len(BYTES))
    store().create(session.public_id)
    (settings.UPLOAD_DIR / session.public_id).write_bytes(BYTES)
    sent, ledger = tmp_path / "sent", Ledger(tmp_path / "ledger")
    sent.write_bytes(BYTES)
    ledger.note("address", name="film", upload=session.public_id, path=str(sent), fate="whole", sent=True)
    ledger.note("told", name="film", offset=300)
    ledger.note("told", name="film", offset=len(BYTES))
    _published(job)
    Notification.objects.create(user=person, kind=NotificationKind.READY, key=f"ready:{job.public_id}", video=job.video, title="Ready")
    task = Task.objects.create(kind="uploads.inspect", state="succeeded", lease_epoch=2, finished_at=Now())
    TaskRun.objects.create(task=task, number=1, epoch=1, owner="x", outcome="crashed")
    TaskRun.objects.create(task=task, number=2, epoch=2, owner="y", outcome="ok")
    ledger.note("engine", attempt=job.attempts.get().public_id, state="submitting")
    ledger.note("rested", seconds=20)
    RECEIVED.inc(len(BYTES))
    return invariants.Evidence(ledger, person)


def _published(job: Job) -> None:
    attempt = Attempt.objects.create(job=job, number=1, engine="local", state="succeeded", ended_at=Now())
    folder = f"{job.video.public_id}/{job.public_id}/{attempt.public_id}/360p"
    for name, text in (("index.m3u8", "#EXTM3U\none.ts\n"), ("one.ts", "film"), ("main.m3u8", "#EXTM3U\nindex.m3u8\n")):
        default_storage.save(f"{folder}/{name}", ContentFile(text.encode()))
    Rendition.objects.create(job=job, attempt=attempt, rung="360p", state="ready", path=f"{folder}/index.m3u8")
    Publication.objects.create(video=job.video, job=job, playlist=f"{folder}/main.m3u8", complete=True)


def everything(evidence: invariants.Evidence) -> list[str]:
    """All but `just after`, whose check is among those at rest, too."""
    at_rest = invariants.broken_at_rest(evidence.ledger, evidence.person)
    return at_rest + invariants.broken_when_old(evidence.ledger, evidence.person)


def test_nothing_is_found_where_all_is_well(evidence: invariants.Evidence) -> None:
    assert everything(evidence) == []


def _changed(_: invariants.Evidence) -> None:
    key = UploadSession.objects.get().storage_key
    (store().path(key)).write_bytes(BYTES[:-1] + b"?")  # type: ignore[attr-defined]


def _leave(folder: str) -> Callable[[Any], None]:
    def leave(_: Any) -> None:
        from django.conf import settings

        left = Path(getattr(settings, folder)) / "someone" / "somewhere" / "left.ts"
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"x")

    return leave


BREAK: dict[str, tuple[str, Callable[[invariants.Evidence], object]]] = {
    "fewer bytes count than were acknowledged": ("i1", lambda _: UploadSession.objects.update(committed=5)),
    "other bytes are stored": ("i1", _changed),
    "the row is gone": ("i1", lambda _: [kind.objects.all().delete() for kind in (Publication, Job, UploadSession)]),
    "an offset went back": ("i2", lambda one: one.ledger.note("told", name="film", offset=10)),
    "nobody converts a job": ("i3", lambda _: Job.objects.update(state="queued")),
    "nobody looks at a file": ("i3", lambda _: UploadSession.objects.update(state=SessionState.RECEIVED)),
    "a video is stuck": ("i3", lambda _: Video.objects.update(state=VideoState.CONVERTING)),
    "a file came to nothing": ("i3", lambda _: UploadSession.objects.update(state=SessionState.EXPIRED)),
    "an engine is asked again": ("i4", lambda one: one.ledger.note("engine", attempt="att", state="progressing")),
    "two attempts succeeded": ("i4", lambda _: Attempt.objects.create(job=Job.objects.get(), number=2, engine="local", state="succeeded")),
    "a segment is gone": ("i4", lambda _: default_storage.delete(Rendition.objects.get().path.replace("index.m3u8", "one.ts"))),
    "a rendition is another attempt's": ("i4", lambda _: Rendition.objects.update(attempt=None)),
    "a failure nobody was told": ("i5", lambda _: (Video.objects.update(state="failed", error_code="ENGINE_FAILED"), Notification.objects.all().delete())),
    "a failure told too late": ("i5", lambda _: Video.objects.update(state="failed", error_code="ENGINE_FAILED", updated_at=Now() - timedelta(hours=1))),
    "a failure without a reason": ("i5", lambda _: Video.objects.update(state="failed", error_code="WHATEVER")),
    "a success nobody was told": ("i5", lambda _: Notification.objects.all().delete()),
    "a run without a lease": ("i6", lambda _: TaskRun.objects.filter(number=1).update(outcome="")),
    "a task done twice": ("i6", lambda _: TaskRun.objects.filter(number=1).update(outcome="ok")),
    "a result under an old lease": ("i6", lambda _: Task.objects.update(lease_epoch=3)),
    "a dead letter": ("i7", lambda _: Task.objects.update(state="dead")),
    "it took too long": ("i9", lambda one: one.ledger.note("rested", seconds=61)),
    "a job is not seen by whoever watches": ("i11", lambda _: Job.objects.update(finished_at=None)),
    "more was acknowledged than arrived": ("i11", lambda one: one.ledger.note("told", name="film", offset=2**60)),
    "a working file is left": ("i10", _leave("WORK_DIR")),
    "an upload's bytes are left": ("i10", _leave("UPLOAD_DIR")),
    "a rendition's file is left": ("i10", _leave("RENDITION_DIR")),
    "an upload never ends": ("i10", lambda _: UploadSession.objects.update(state=SessionState.RECEIVING)),
}


@pytest.mark.parametrize("what", list(BREAK))
def test_what_is_broken_is_found(evidence: invariants.Evidence, what: str) -> None:
    check, breaking = BREAK[what]
    breaking(evidence)
    checkers = {each for each in (*invariants.AT_REST, *invariants.WHEN_OLD) if each.__name__.startswith(f"{check}_")}
    assert [fault for each in checkers for fault in each(evidence)]
