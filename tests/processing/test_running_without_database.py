"""A conversion while the database is away, or its answers are lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError

from processing.engines.base import News, Observation, Stopped
from processing.models import Job, JobState, Publication
from processing.services import run
from processing.services.jobs import cancel_job
from tests import media
from tests.processing.helpers import run_next, submitted

pytestmark = pytest.mark.django_db(transaction=True)


class Patience:
    """A watch that lets a wait go on for so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def check(self) -> None:
        self.looks -= 1
        if self.looks < 0:
            raise Stopped


def database_away(times: int) -> Callable[..., bool]:
    calls = iter(range(100))

    def away(*_: Any) -> bool:
        if next(calls) < times:
            raise OperationalError("server closed the connection")
        return True

    return away


def test_while_the_database_is_away_progress_is_dropped_and_the_rest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "DATABASE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(run, "apply_observation", database_away(1))
    run.deliver("a", Observation(News.PROGRESSING), Patience(0))
    monkeypatch.setattr(run, "apply_observation", database_away(3))
    run.deliver("a", Observation(News.COMPLETE), Patience(3))
    monkeypatch.setattr(run, "apply_observation", database_away(3))
    with pytest.raises(Stopped):
        run.deliver("a", Observation(News.COMPLETE), Patience(2))


def test_the_answer_to_a_ready_rung_may_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Committed, but nobody heard: said again it changes nothing, and its files are not taken for refused ones."""
    real, lost = run.apply_observation, iter([True])

    def answer_lost(attempt_id: str, observation: Observation) -> bool:
        changed = real(attempt_id, observation)
        if observation.news is News.RUNG_READY and next(lost, False):
            raise OperationalError("connection reset after COMMIT")
        return changed

    monkeypatch.setattr(run, "apply_observation", answer_lost)
    monkeypatch.setattr(run, "DATABASE_PAUSE_SECONDS", 0.01)
    job, _ = submitted(media.clip())
    run_next(job)
    job.refresh_from_db()
    assert job.state == JobState.READY
    assert default_storage.exists(job.renditions.get().path)


def test_files_of_a_rung_nobody_wants_any_more_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canceled in the moment between the last look and the news: what was put is taken away again."""
    real = run.apply_observation
    prefixes: list[str] = []

    def canceled_first(attempt_id: str, observation: Observation) -> bool:
        if observation.output:
            prefixes.append(observation.output.path)
            assert default_storage.exists(observation.output.path)
            cancel_job(Job.objects.get(), by=None, reason="")
        return real(attempt_id, observation)

    monkeypatch.setattr(run, "apply_observation", canceled_first)
    job, _ = submitted(media.clip())
    run_next(job)
    job.refresh_from_db()
    assert job.state == JobState.CANCELED
    assert prefixes
    assert not default_storage.exists(prefixes[0])
    assert not Publication.objects.exists()
