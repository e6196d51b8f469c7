"""A minute of everything at once, from one seed (CHAOS_SEED), and then the invariants.

Web workers, the task worker and PostgreSQL are killed at random while people upload and films are converted.
"""

from __future__ import annotations

import os
import random
import threading
import time

import psutil
import pytest

from tests.media import clip
from tests.stack.client import Upload, sha256
from tests.stack.system import System

pytestmark = pytest.mark.chaos

SECONDS = 60
PEOPLE = 3


def kill_the_task_worker(system: System, chance: random.Random) -> None:
    if processes := system.worker_processes():
        try:
            chance.choice(processes).kill()
        except psutil.NoSuchProcess:
            return


def crash_postgres(system: System, chance: random.Random) -> None:
    system.postgres.stop(mode="immediate")
    time.sleep(chance.uniform(0.5, 4))
    system.postgres.start()


def test_after_a_minute_of_kills_every_upload_is_whole_and_every_job_has_ended() -> None:
    seed = int(os.environ.get("CHAOS_SEED", "7"))
    print(f"seed {seed}")
    films = [clip(seconds=6 + number, width=640, height=360) for number in range(PEOPLE)]
    uploads: list[Upload] = []
    failures: list[BaseException] = []
    with System() as system:
        until = time.monotonic() + SECONDS

        def person(film_number: int) -> None:
            try:
                while time.monotonic() < until:
                    upload = Upload(system.url, system.token, films[film_number], chunk=64 * 1024)
                    _create_stubbornly(upload)
                    uploads.append(upload)
                    upload.send(seconds=120)
                    time.sleep(5)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=person, args=(number,)) for number in range(PEOPLE)]
        for thread in threads:
            thread.start()
        chance = random.Random(seed)
        while time.monotonic() < until:
            time.sleep(chance.uniform(0.2, 2))
            chance.choices(
                [lambda: system.kill_a_web_worker(chance), lambda: kill_the_task_worker(system, chance), lambda: crash_postgres(system, chance)],
                weights=[6, 3, 1],
            )[0]()
        for thread in threads:
            thread.join(180)

        assert not failures, failures
        assert uploads
        for upload in uploads:
            assert upload.never_went_back()
            [(key,)] = system.query(
                "SELECT s.storage_key FROM uploads_uploadsession s JOIN uploads_video v ON v.id = s.video_id WHERE v.public_id = %s", upload.video
            )
            assert sha256(system.var_dir / "uploads" / key) == sha256(upload.path)
            assert system.wait_for_state(upload.video, "ready", "failed", "needs_new_file", seconds=240)["state"] == "ready"
        assert system.query("SELECT count(*) FROM resilience_task WHERE state = 'dead'") == [(0,)]


def _create_stubbornly(upload: Upload) -> None:
    key = f"soak-{id(upload)}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if upload.create(**{"Idempotency-Key": key}).status_code == 201:
                return
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError("could not create an upload within 60 s")
