"""What must hold, whatever died: checkers by the names of the invariants, each of which says in words what it finds broken.

They compare what people were told (the ledger) with rows, bytes and files. `just after`: a process has died, and nobody did anything yet.
`at rest`: everybody has gone on and workers have nothing left to do. `when old`: and then a long time has passed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Count, F, Q

from notifications.models import Event, Notification, NotificationKind
from processing.models import LIVE_JOB_STATES, AttemptState, Job, JobState, Publication, Rendition, RenditionState
from resilience import integrity
from resilience.errors import CATALOGUE
from resilience.metrics import current
from resilience.metrics.tables import read_now
from resilience.models import Task, TaskRun
from resilience.models.tasks import LIVE_STATES, RunOutcome, TaskState
from uploads.models import OPEN_SESSION_STATES, SessionState, UploadRole, UploadSession, Video, VideoState
from uploads.store import store

from .walker.ledger import Ledger

STEADY_SECONDS = 60
ON_THE_WAY = (VideoState.CHECKING, VideoState.CONVERTING)
FAILURES = (VideoState.NEEDS_NEW_FILE, VideoState.FAILED, VideoState.BLOCKED)
# What becomes of a file, by what its sender wanted.
FATES = {
    "whole": SessionState.ACCEPTED,
    "part": SessionState.EXPIRED,  # used, and then of no use to anybody
    "refused": SessionState.REJECTED,
    "canceled": SessionState.ABORTED,
    "expired": SessionState.EXPIRED,
}
# What is counted for whoever watches, counted once more.
_COUNTED = {
    "holdfast_queue_tasks": "SELECT count(*) FROM resilience_task WHERE state IN ('pending', 'leased', 'retry_wait')",
    "holdfast_tasks_dead": "SELECT count(*) FROM resilience_task WHERE state = 'dead'",
    "holdfast_uploads_sessions": "SELECT count(*) FROM uploads_uploadsession WHERE state IN ('creating', 'receiving', 'received')",
    "holdfast_uploads_missing_bytes": """SELECT coalesce(sum(length - committed), 0) FROM uploads_uploadsession
                                         WHERE length IS NOT NULL AND state IN ('creating', 'receiving', 'received')""",
    "holdfast_jobs": "SELECT count(*) FROM processing_job WHERE finished_at IS NULL",
    "holdfast_attempts_live": "SELECT count(*) FROM processing_attempt WHERE ended_at IS NULL",
}


@dataclass(frozen=True)
class Evidence:
    ledger: Ledger
    person: User


Check = Callable[[Evidence], Iterator[str]]


def broken_just_after(ledger: Ledger, person: User) -> list[str]:
    return _broken(JUST_AFTER, Evidence(ledger, person))


def broken_at_rest(ledger: Ledger, person: User) -> list[str]:
    return _broken(AT_REST, Evidence(ledger, person))


def broken_when_old(ledger: Ledger, person: User) -> list[str]:
    return _broken(WHEN_OLD, Evidence(ledger, person))


def _broken(checks: tuple[Check, ...], evidence: Evidence) -> list[str]:
    return [f"{check.__name__}: {fault}" for check in checks for fault in check(evidence)]


def i1_no_acknowledged_byte_is_lost(evidence: Evidence) -> Iterator[str]:
    """Set-full: every byte below the highest offset anybody was told is stored, as it was sent."""
    for sent in evidence.ledger.entries("address"):
        told = _highest(evidence, sent["name"])
        session = UploadSession.objects.filter(public_id=sent["upload"]).first()
        if evidence.ledger.last("deleted", name=sent["name"]) or sent["fate"] not in ("whole", "part"):
            continue
        if session is None:
            yield f"{sent['name']}: its row is gone, after {told} bytes were acknowledged"
        elif session.state == SessionState.EXPIRED and sent["fate"] == "part":
            continue
        elif session.committed < told:
            yield f"{sent['name']}: {told} bytes were acknowledged, {session.committed} count"
        elif _stored(session, told) != hashlib.sha256(Path(sent["path"]).read_bytes()[:told]).hexdigest():
            yield f"{sent['name']}: what is stored is not what was sent, within the {told} bytes that were acknowledged"


def i2_offsets_never_go_back(evidence: Evidence) -> Iterator[str]:
    """… nor beyond what is stored."""
    for sent in evidence.ledger.entries("address"):
        offsets = [entry["offset"] for entry in evidence.ledger.entries("told", name=sent["name"])]
        if offsets != sorted(offsets):
            yield f"{sent['name']}: told {offsets}"
        session = UploadSession.objects.filter(public_id=sent["upload"]).first()
        if session is not None and session.committed < max(offsets, default=0):
            yield f"{sent['name']}: told {max(offsets)}, {session.committed} count"


def i3_no_accepted_job_is_lost(evidence: Evidence) -> Iterator[str]:
    """Total-queue: what was accepted has ended, or its next step is scheduled; and every file came to what it was to come to."""
    for job in Job.objects.filter(video__owner=evidence.person, state__in=LIVE_JOB_STATES):
        if not Task.objects.filter(state__in=LIVE_STATES, payload__job_id=job.public_id).exists():
            yield f"job {job.public_id} is {job.state} and nobody works on it"
    for session in UploadSession.objects.filter(owner=evidence.person, state=SessionState.RECEIVED).exclude(role=UploadRole.PART):
        if not Task.objects.filter(state__in=LIVE_STATES, key=session.public_id).exists():
            yield f"upload {session.public_id} arrived and nobody looks at it"
    for video in Video.objects.filter(owner=evidence.person, state__in=ON_THE_WAY):
        yield f"video {video.public_id} is {video.state} for ever"
    for sent in evidence.ledger.entries("address"):
        session = UploadSession.objects.filter(public_id=sent["upload"]).first()
        ended = session.state if session else "gone"
        wanted = "gone" if evidence.ledger.last("deleted", name=sent["name"]) else FATES[sent["fate"]]
        if ended != wanted and sent["fate"] != "part":
            yield f"{sent['name']} is {ended}, not {wanted}"


def i4_an_engine_is_asked_once_for_an_attempt(evidence: Evidence) -> Iterator[str]:
    """Unique-ids: once it is on record that an engine began, that attempt is never asked for again; of all runs one is published, and is there."""
    for asked in evidence.ledger.entries("engine"):
        if asked["state"] not in (AttemptState.CREATED, AttemptState.SUBMITTING):
            yield f"the engine was asked for attempt {asked['attempt']}, which was {asked['state']}"
    for job in Job.objects.filter(video__owner=evidence.person).annotate(won=Count("attempts", filter=Q(attempts__state=AttemptState.SUCCEEDED))):
        if job.won > 1:
            yield f"{job.won} attempts of job {job.public_id} succeeded"
    for rendition in Rendition.objects.filter(job__video__owner=evidence.person, state=RenditionState.READY).select_related("attempt"):
        if rendition.attempt is None or f"/{rendition.attempt.public_id}/" not in rendition.path:
            yield f"rendition {rendition.path} is not of the attempt it is said to be"
        yield from _missing_files(rendition.path)
    for publication in Publication.objects.filter(video__owner=evidence.person):
        yield from _missing_files(publication.playlist)
        if publication.poster and not default_storage.exists(publication.poster):
            yield f"{publication.poster} is not there"


def i5_every_end_is_told_to_its_owner(evidence: Evidence) -> Iterator[str]:
    """With a reason and what to do; a success is told, too."""
    for video in Video.objects.filter(owner=evidence.person, state__in=FAILURES):
        entry = next((entry for entry in CATALOGUE if entry.code == video.error_code), None)
        if entry is None or not entry.actions:
            yield f"video {video.public_id} is {video.state} for “{video.error_code}”, which says nobody what to do"
        news = [*Notification.objects.filter(user=evidence.person, video=video).values_list("created_at", flat=True)]
        news += Event.objects.filter(user=evidence.person, video=video).exclude(sentence="").values_list("at", flat=True)
        if not any(abs((moment - video.updated_at).total_seconds()) <= STEADY_SECONDS for moment in news):
            yield f"video {video.public_id} is {video.state}, and its owner did not hear of it within {STEADY_SECONDS} s"
    for job in Job.objects.filter(video__owner=evidence.person, state__in=(JobState.READY, JobState.READY_PARTIAL)):
        told = Notification.objects.filter(user=evidence.person, kind=NotificationKind.READY, key=f"ready:{job.public_id}").count()
        if told != 1:
            yield f"that job {job.public_id} is {job.state} was told {told} times"


def i6_a_task_has_one_lease(evidence: Evidence) -> Iterator[str]:
    """And what a run stored whose lease was over is nowhere."""
    for run in TaskRun.objects.filter(outcome="").exclude(task__state=TaskState.LEASED, number=F("task__lease_epoch")):
        yield f"run {run.number} of task {run.task_id} is open, and has no lease"
    for task in Task.objects.annotate(done=Count("runs", filter=Q(runs__outcome=RunOutcome.OK))):
        if task.done > 1:
            yield f"task {task.kind} {task.pk} was done {task.done} times"
        last = task.runs.order_by("-number").first()
        if task.state == TaskState.SUCCEEDED and (last is None or (last.outcome, last.number) != (RunOutcome.OK, task.lease_epoch)):
            yield f"task {task.kind} {task.pk} succeeded, but not by the run that held it: {last}"


def i7_no_dead_letter_stays_dead(evidence: Evidence) -> Iterator[str]:
    """Those there were have been replayed, and succeeded."""
    for task in Task.objects.filter(state=TaskState.DEAD):
        yield f"task {task.kind} {task.pk} is a dead letter: {task.last_error[:200]}"


def i9_steady_again_without_anybody(evidence: Evidence) -> Iterator[str]:
    """Where nothing but the deaths went wrong, workers are through with everything a minute later."""
    if evidence.ledger.last("slow"):
        return
    for rest in evidence.ledger.entries("rested"):
        if rest["seconds"] > STEADY_SECONDS:
            yield f"it took {rest['seconds']} s until there was nothing left to do"


def i10_nothing_temporary_grows_old(evidence: Evidence) -> Iterator[str]:
    """Working folders are empty, and every stored byte belongs to something that lives."""
    kept = set(UploadSession.objects.filter(state=SessionState.ACCEPTED).values_list("storage_key", flat=True))
    yield from (f"the upload {key} has bytes, but no right to them" for key in store().keys(older_than_seconds=-5) if key not in kept)
    yield from (f"{path} is left in the working folder" for path in _files(Path(settings.WORK_DIR)))
    if (uploads := Path(settings.UPLOAD_DIR)).is_dir():
        yield from (f"{path} is left among the uploads" for path in _files(uploads) if path.name not in kept)
    used = {path.rpartition("/")[0] for path in Rendition.objects.values_list("path", flat=True)}
    used |= {name for row in Publication.objects.values_list("playlist", "poster") for name in row}
    jobs = set(Publication.objects.values_list("job__public_id", flat=True))
    root = Path(settings.RENDITION_DIR)
    for path in _files(root):
        name = path.relative_to(root)
        is_playlist = len(name.parts) == 3 and name.parts[1] in jobs  # earlier ones of the same job may be being played
        if str(name.parent) not in used and str(name) not in used and not is_playlist:
            yield f"{name} is left among the renditions"
    for session in UploadSession.objects.filter(owner=evidence.person, state__in=OPEN_SESSION_STATES):
        yield f"upload {session.public_id} is {session.state} for ever"


def i11_metrics_agree_with_the_tables(evidence: Evidence) -> Iterator[str]:
    """What is scraped is what is there, also of what a dead process had in hand."""
    told: Counter[str] = Counter()
    for reading in read_now():
        told[reading.name] += round(reading.value)
    with connection.cursor() as cursor:
        for name, statement in _COUNTED.items():
            cursor.execute(statement)
            counted = cursor.fetchone()[0]
            if told[name] != counted:
                yield f"{name} says {told[name]}, there are {counted}"
    acknowledged = sum(_highest(evidence, sent["name"]) for sent in evidence.ledger.entries("address", sent=True))
    if (arrived := current("holdfast_uploads_received_bytes_total")) < acknowledged:
        yield f"{arrived:.0f} bytes are said to have arrived, of which {acknowledged} were acknowledged"


# The S3 of tests says of every multipart upload that it began in 2010: what a death left of one is overdue before housekeeping first looks.
ONLY_WHEN_OLD = {"uploads.multiparts", "uploads.orphans"}


def the_rules_across_tables_hold(_: Evidence) -> Iterator[str]:
    """`manage.py check_integrity` finds nothing either."""
    return _found_by_rules()


def the_rules_but_for_leftovers_hold(_: Evidence) -> Iterator[str]:
    return _found_by_rules(without=ONLY_WHEN_OLD)


def _found_by_rules(*, without: Collection[str] = ()) -> Iterator[str]:
    for outcome in integrity.check_all():
        if not outcome.is_clean and outcome.name not in without:
            yield f"{outcome.name}: {outcome.error or '; '.join(f'{breach.subject} {breach.said}' for breach in outcome.shown)}"


JUST_AFTER: tuple[Check, ...] = (i11_metrics_agree_with_the_tables,)
AT_REST: tuple[Check, ...] = (
    i1_no_acknowledged_byte_is_lost,
    i2_offsets_never_go_back,
    i3_no_accepted_job_is_lost,
    i4_an_engine_is_asked_once_for_an_attempt,
    i5_every_end_is_told_to_its_owner,
    i6_a_task_has_one_lease,
    i7_no_dead_letter_stays_dead,
    i9_steady_again_without_anybody,
    i11_metrics_agree_with_the_tables,
    the_rules_but_for_leftovers_hold,
)
WHEN_OLD: tuple[Check, ...] = (i1_no_acknowledged_byte_is_lost, i3_no_accepted_job_is_lost, i10_nothing_temporary_grows_old, the_rules_across_tables_hold)


def _highest(evidence: Evidence, name: str) -> int:
    return max((entry["offset"] for entry in evidence.ledger.entries("told", name=name)), default=0)


def _stored(session: UploadSession, count: int) -> str:
    reader = store().reader(session.storage_key)
    try:
        return hashlib.sha256(reader.read(first=0, count=count)).hexdigest()
    finally:
        reader.close()


def _missing_files(playlist: str) -> Iterator[str]:
    """A playlist that is not there, or names something that is not."""
    if not default_storage.exists(playlist):
        yield f"{playlist} is not there"
        return
    with default_storage.open(playlist) as file:
        named = [line for line in file.read().decode().splitlines() if line and not line.startswith("#")]
    folder = playlist.rpartition("/")[0]
    yield from (f"{folder}/{name} is not there" for name in named if not default_storage.exists(f"{folder}/{name}"))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
