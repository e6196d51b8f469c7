"""SIGKILL of the worker and of its children during a transcode: the job goes on, and the lost run is on record."""

from __future__ import annotations

import psutil
import pytest

from tests.media import clip
from tests.stack.client import Upload
from tests.stack.system import System, wait_for

pytestmark = pytest.mark.stack

UNDER_WAY = """
    SELECT 1 FROM processing_attempt a JOIN processing_job j ON j.id = a.job_id JOIN uploads_video v ON v.id = j.video_id
    WHERE v.public_id = %s AND a.state = 'progressing' AND a.percent > 0"""
RUNS = """
    resilience_taskrun r JOIN resilience_task t ON t.id = r.task_id JOIN processing_job j ON j.public_id = t.payload ->> 'job_id'
    JOIN uploads_video v ON v.id = j.video_id WHERE t.kind = 'processing.transcode' AND v.public_id = %s"""
RUNNING_AGAIN = f"SELECT r.number FROM {RUNS} AND t.state = 'leased' AND r.outcome = '' AND r.number > 1"
OUTCOMES = f"SELECT r.outcome FROM {RUNS} ORDER BY r.number"


def test_a_killed_worker_loses_no_job(system: System) -> None:
    source = clip(seconds=40, width=1280, height=720)
    upload = Upload(system.url, system.token, source)
    assert upload.create().status_code == 201
    upload.send(seconds=60)
    wait_for(lambda: system.query(UNDER_WAY, upload.video), seconds=60, what="the transcode is under way")

    victims = [psutil.Process(int((system.var_dir / "run" / "worker-service.pid").read_text())), *system.worker_processes()]
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(victims, timeout=60)

    wait_for(lambda: system.query(RUNNING_AGAIN, upload.video), seconds=90, what="the transcode is running again")
    video = system.wait_for_state(upload.video, "ready", "failed", "needs_new_file", seconds=150)
    assert video["state"] == "ready"
    outcomes = [outcome for (outcome,) in system.query(OUTCOMES, upload.video)]
    assert "crashed" in outcomes
    assert outcomes[-1] == "ok"
    assert not [process for process in victims if process.is_running()]
