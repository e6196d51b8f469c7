"""One person, one folder, one database; the same for all lives of a round."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection

from processing.engines.local.engine import LocalEngine
from processing.models import Attempt
from resilience.models import Task, TaskRun
from resilience.models.tasks import LIVE_STATES
from resilience.tasks import housekeeper, sweep, wakeups
from resilience.tasks.runner import run_one
from uploads.models import UploadSession
from uploads.services import expire

from .clock import time_passes
from .ledger import Ledger

EMAIL = "walker@example.org"
MOST_ROUNDS = 60
STEP_SECONDS = 20


@dataclass
class World:
    """Where a round happens. `mortal`: this life is one that may die."""

    folder: Path
    mortal: bool

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.folder / "ledger")

    @cached_property
    def person(self) -> User:
        return User.objects.get_or_create(username=EMAIL, defaults={"email": EMAIL})[0]

    def forget(self, tables: list[str]) -> None:
        """Empty tables that were empty before the first round, whatever refers to what."""
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            for table in tables:
                cursor.execute(f'DELETE FROM "{table}"')
            cursor.execute("SET session_replication_role = DEFAULT")

    @cached_property
    def token(self) -> str:
        from knox.models import AuthToken

        known = self.ledger.last("token")
        if known is None:
            self.ledger.note("token", value=AuthToken.objects.create(self.person)[1])
            known = self.ledger.last("token")
        assert known is not None
        return str(known["value"])

    def session(self, name: str) -> UploadSession | None:
        """Return the upload of something that was sent, as it is now; None when its address is not known, or its row is gone."""
        sent = self.ledger.last("address", name=name)
        return UploadSession.objects.filter(public_id=sent["upload"]).first() if sent else None

    def time_passes(self, **time: float) -> None:
        time_passes(self.folder, **time)
        if settings.MEDIACONVERT_ENDPOINT_URL:
            gone = {"advance_s": timedelta(**time).total_seconds()}
            requests.post(f"{settings.MEDIACONVERT_ENDPOINT_URL}/_emulator/clock", json=gone, timeout=60).raise_for_status()

    def work(self) -> None:
        """Do what workers do by themselves, until nothing is left to do; where they would wait, time passes."""
        for waited in range(MOST_ROUNDS):
            sweep.reap_leases()
            wakeups.send_wake_ups()
            self.run_due()
            if not Task.objects.filter(state__in=LIVE_STATES).exists():
                self.ledger.note("rested", seconds=waited * STEP_SECONDS)
                return
            self.time_passes(seconds=STEP_SECONDS)
            housekeeper.keep_house()
        left = list(Task.objects.filter(state__in=LIVE_STATES).values_list("kind", "state", "attempt", "last_error"))
        raise AssertionError(f"not at rest after {MOST_ROUNDS * STEP_SECONDS} s: {left}")

    def run_due(self) -> None:
        """Answer wake-ups as a worker does, until none finds anything."""
        before = -1
        while before != (before := TaskRun.objects.count()):
            for queue in ("default", "media"):
                run_one("", queue)

    def age_bucket(self) -> None:
        """What lies in S3 is old from now on: its moments cannot be moved."""
        from uploads.store.s3 import reap

        expire.ORPHAN_AGE_SECONDS = expire.CORRUPT_AGE_SECONDS = -5.0
        reap.reap_leftovers.__kwdefaults__["age_seconds"] = -5.0

    def keep_house_often(self) -> None:
        """Let the housekeeping of hours happen: what may be looked at only now and then is looked at, too."""
        for _ in range(3):
            housekeeper.keep_house()
            self.time_passes(hours=2)


def enter(order: dict[str, Any]) -> World:
    """Make this process one of a round's: its database, its folders, its settings."""
    folder = Path(order["folder"])
    settings.VAR_DIR = folder / "var"
    settings.UPLOAD_DIR, settings.WORK_DIR, settings.RENDITION_DIR = (settings.VAR_DIR / name for name in ("uploads", "work", "renditions"))
    settings.METRICS_DIR = settings.VAR_DIR / "run" / "metrics"
    settings.EMAIL_FILE_PATH = settings.VAR_DIR / "mail"
    settings.S3_PREFIX = f"{folder.name}/"
    settings.RENDITION_PREFIX = f"renditions/{folder.name}/"
    if settings.RENDITION_STORE == "s3":
        settings.STORAGES["default"]["OPTIONS"] |= {"location": settings.RENDITION_PREFIX.rstrip("/")}
    else:
        settings.STORAGES["default"]["OPTIONS"] = {"location": settings.RENDITION_DIR}
        assert str(default_storage.base_location) == str(settings.RENDITION_DIR)  # type: ignore[attr-defined]
    world = World(folder, mortal=order["plan"] is not None)
    world.forget(order["forget"])
    assert world.token  # made before anything is armed
    _note_engines(world)
    return world


def _note_engines(world: World) -> None:
    """Whatever asks the engine is on the ledger, as an engine elsewhere would have it on its bill."""
    real = LocalEngine.submit

    def submit(self: LocalEngine, order: Any) -> Any:
        world.ledger.note("engine", attempt=order.attempt_id, state=Attempt.objects.get(public_id=order.attempt_id).state)
        return real(self, order)

    LocalEngine.submit = submit  # type: ignore[method-assign]
