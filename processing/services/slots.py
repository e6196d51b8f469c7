"""How many files the local engine converts at once, over all hosts: when engines elsewhere are away, everything comes here.

A slot is held by an attempt from its claim to its end; a worker that dies leaves its slot to the run that takes its attempt over.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q, QuerySet

from processing.decide import kind_of
from processing.errors import SlotsTaken
from processing.models import LIVE_ATTEMPT_STATES, Attempt, AttemptState

KIND = "local"
STARTING = "starting"
COME_BACK_SECONDS = 15.0
_LOCK = 0x6C6F63616C  # of this table of slots alone
_WAITING = Q(state__in=(AttemptState.CREATED, AttemptState.SUBMITTING)) & ~Q(phase=STARTING)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How full the local engine is. `slots` is 0 when only the number of media workers limits it."""

    slots: int
    running: int
    waiting: int

    @property
    def full(self) -> bool:
        return 0 < self.slots <= self.running


def take(attempt: Attempt) -> None:
    """Hold a slot for an attempt that is about to be worked on. Inside the transaction of its claim; safe to repeat.

    Raises:
        SlotsTaken: there is none; nothing was changed.
    """
    if kind_of(attempt.engine) != KIND:
        return
    if settings.LOCAL_ENGINE_SLOTS:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])  # two that look at once would both find the last one
        if _held().exclude(pk=attempt.pk).count() >= settings.LOCAL_ENGINE_SLOTS:
            raise SlotsTaken(engine=attempt.engine, retry_after=COME_BACK_SECONDS)
    Attempt.objects.filter(pk=attempt.pk, state__in=LIVE_ATTEMPT_STATES).filter(_WAITING).update(phase=STARTING)


def give_back(attempt: Attempt) -> None:
    """Let go of a slot before anything was begun: the attempt waits again."""
    Attempt.objects.filter(pk=attempt.pk, state=AttemptState.SUBMITTING, phase=STARTING).update(phase="")


def capacity() -> Capacity:
    found = _local().aggregate(running=Count("pk", filter=~_WAITING), waiting=Count("pk", filter=_WAITING))
    return Capacity(settings.LOCAL_ENGINE_SLOTS, **found)


def _local() -> QuerySet[Attempt]:
    return Attempt.objects.filter(Q(engine=KIND) | Q(engine__startswith=f"{KIND}:"), state__in=LIVE_ATTEMPT_STATES)


def _held() -> QuerySet[Attempt]:
    return _local().exclude(_WAITING)
