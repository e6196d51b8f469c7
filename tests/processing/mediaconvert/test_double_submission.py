"""CreateJob's answer lost, its worker killed, recovery a minute late: a hundred times by chance, the same ones for the same seeds; once for real."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings

from processing.engines.mediaconvert import client
from processing.errors import SubmissionUnsettled
from processing.models import Attempt, AttemptState, Job
from processing.services import submission
from processing.services.remote import Adopted, adopt
from processing.services.submission import Asked, carry_on
from resilience import faults
from tests.emulator import RENDITIONS, ROLE, FakeMediaConvert
from tests.resilience.worker import database_url

from .conftest import STILL
from .rows import ENGINE, REGION, opened, passes
from .test_submission import Died

RUNS = 100
PARTS = 4  # each with its own share of the seeds
ROUNDS = 12


def die_at(step: str) -> Any:
    return faults.armed(f"raise={Died.__module__}.Died@processing.submission.{step}")


def goes_by(fake: FakeMediaConvert, attempt: Attempt, seconds: float) -> None:
    fake.advance(seconds)
    passes(attempt, seconds)


def first_life(fake: FakeMediaConvert, job: Job, dice: random.Random) -> None:
    """Have a job made; whoever asked for it never writes down which."""
    lost = dice.choice([0, 1, 2, 3, 3])  # of the three tries of a call
    fake.faults({"fault": "reset_after", "operation": "CreateJob", "count": lost} if lost else STILL[1])
    with die_at("made"), pytest.raises((Died, SubmissionUnsettled)):
        carry_on(job.public_id)


def a_zombie(attempt: Attempt, dice: random.Random) -> None:
    """A worker that stood still for more than a minute goes on with what it had read before."""
    stale = Asked(dice.random() < 0.5, dice.uniform(0, 44), None, time.monotonic() - 61)
    try:
        submission._create(attempt, stale, lambda: False)
    except SubmissionUnsettled:
        return


def later_life(fake: FakeMediaConvert, job: Job, dice: random.Random) -> None:
    trouble: dict[str, Any] = dice.choice([{"fault": "lag", "seconds": 3600}, {"fault": "reset_before"}, {"fault": "throttle"}, *[{}] * 5])
    if trouble:
        fake.faults({"operation": "SearchJobs", "count": dice.randint(1, 2)} | trouble)
    try:
        with die_at(dice.choice(["searched", "named", "made", "asked"])) if dice.random() < 0.4 else faults.armed():
            carry_on(job.public_id)
    except (SubmissionUnsettled, Died):
        return


def one_run(fake: FakeMediaConvert, seed: int) -> list[Attempt]:
    dice = random.Random(seed)
    fake.no_faults()
    fake.faults(*STILL)
    job, attempt = opened()
    first_life(fake, job, dice)
    goes_by(fake, attempt, dice.uniform(61, 110))
    for _ in range(ROUNDS):
        attempt.refresh_from_db()
        if attempt.state != AttemptState.SUBMITTING:
            break
        if dice.random() < 0.3 and not dice.randrange(2):
            a_zombie(Attempt.objects.get(pk=attempt.pk), dice)
        later_life(fake, job, dice)
        passes(attempt, dice.uniform(1, 31))
    return list(job.attempts.all())


@pytest.mark.django_db
@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_lost_answers_make_one_job_each(still: FakeMediaConvert, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(client, "circuit_of", lambda _region: SimpleNamespace(call=lambda ask: ask()))  # one run's failures are not the next one's
    ours = [attempt for seed in range(part, RUNS, PARTS) for attempt in one_run(still, seed)]
    made = Counter(entry["metadata"]["attempt_id"] for entry in still.journal("job_created"))
    assert {attempt.public_id: made[attempt.public_id] for attempt in ours} == {attempt.public_id: 1 for attempt in ours}
    ended = Counter(attempt.state for attempt in ours)
    assert ended[AttemptState.SUBMITTED] >= len(ours) / 2, ended  # the others met more trouble than patience; their jobs are stopped when they turn up
    jobs = {entry["metadata"]["attempt_id"]: entry["job"] for entry in still.journal("job_created")}
    assert all(attempt.external_id == jobs[attempt.public_id] for attempt in ours if attempt.state == AttemptState.SUBMITTED)
    for attempt in ours:
        if attempt.state != AttemptState.SUBMITTED:
            assert adopt(attempt.public_id, jobs[attempt.public_id], region=REGION) is Adopted.STRAY


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_between_the_answer_and_its_row_leaves_one_job(still: FakeMediaConvert) -> None:
    job, attempt = opened()
    program = f"import django; django.setup(); from processing.services.submission import carry_on; carry_on({job.public_id!r})"
    where = {"UPLOAD_STORE": "s3", "S3_BUCKET": still.s3.bucket, "S3_ENDPOINT_URL": still.s3.url, "RENDITION_STORE": "s3", "RENDITION_BUCKET": RENDITIONS}
    engine = {"ENGINES": ENGINE, "MEDIACONVERT_ROLE_ARN": ROLE, "MEDIACONVERT_ENDPOINT_URL": still.url}
    plan = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": database_url(), "FAULTS": "stop@processing.submission.made"}
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=settings.BASE_DIR, env=os.environ | where | engine | plan)
    try:
        _pid, status = os.waitpid(worker.pid, os.WUNTRACED)  # it stops itself once it has the answer
        assert os.WIFSTOPPED(status), "it ended before it had an answer"
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    (created,) = still.journal("job_created")
    goes_by(still, attempt, 65)
    carry_on(job.public_id)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.external_id) == (AttemptState.SUBMITTED, created["job"])
    assert len(still.journal("job_created")) == 1
