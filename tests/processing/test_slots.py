"""The local engine does so many files at once and no more, over all hosts; who waits for a place loses nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from processing.models import Attempt, AttemptState, Job
from processing.services.run import claim, run_attempt
from processing.services.slots import capacity, give_back
from processing.services.submit import submit_job
from resilience.circuits import CircuitOpen
from resilience.tasks.failure import describe
from tests.factories import make_job, make_user
from tests.processing.codes import HERE
from tests.processing.helpers import Context

pytestmark = pytest.mark.django_db(transaction=True)


def waiting(engine: str = "local") -> tuple[Job, Attempt]:
    job = make_job(engines=[engine], ladder=[{"name": "360p"}])
    attempt = submit_job(job.public_id)
    assert attempt is not None
    return job, attempt


def claimed(job: Job, attempt: Attempt) -> Attempt | None:
    return claim(job.public_id, attempt.public_id)


def test_the_slots_are_given_out_once(settings: Any) -> None:
    settings.LOCAL_ENGINE_SLOTS = 2
    one, two, three = waiting(), waiting(), waiting()
    assert claimed(*one) == one[1]
    assert claimed(*two) == two[1]
    with pytest.raises(CircuitOpen) as full:
        claimed(*three)
    assert describe(full.value).snooze == 15.0, "it costs no try"
    assert (capacity().running, capacity().waiting, capacity().full) == (2, 1, True)
    assert claimed(*one) == one[1], "a task that is run again has its slot"
    Attempt.objects.filter(pk=two[1].pk).update(state=AttemptState.SUCCEEDED)
    assert claimed(*three) == three[1]


def test_a_worker_that_died_leaves_its_slot_to_the_next_run(settings: Any) -> None:
    settings.LOCAL_ENGINE_SLOTS = 1
    job, attempt = waiting()
    claimed(job, attempt)
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.PROGRESSING)
    following = claim(job.public_id, attempt.public_id)
    assert following is not None
    assert following.number == 2
    assert capacity().running == 1


def test_who_could_not_begin_gives_its_slot_back(settings: Any) -> None:
    settings.LOCAL_ENGINE_SLOTS = 1
    one, two = waiting(), waiting()
    claimed(*one)
    give_back(one[1])
    assert claimed(*two) == two[1]


def test_engines_elsewhere_need_no_slot(settings: Any) -> None:
    settings.LOCAL_ENGINE_SLOTS = 1
    claimed(*waiting())
    assert claimed(*waiting(HERE)) is not None


def test_a_run_without_a_slot_changes_nothing(settings: Any) -> None:
    settings.LOCAL_ENGINE_SLOTS = 1
    claimed(*waiting())
    job, attempt = waiting()
    with pytest.raises(CircuitOpen):
        run_attempt(Context(), job_id=job.public_id, chain_id=attempt.public_id)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.phase) == (AttemptState.SUBMITTING, "")


def test_the_console_says_how_full_it_is(settings: Any) -> None:
    settings.LOCAL_ENGINE_SLOTS = 1
    claimed(*waiting())
    waiting()
    client = Client(headers={"accept": "text/html"})
    client.force_login(make_user(superuser=True))
    html = " ".join(client.get(reverse("admin:index")).text.split())
    assert "1 of 1 at work</span> 1 waiting: add machines" in html
