"""/metrics over two real web processes and a worker: one truth, whoever is asked, whoever was killed."""

from __future__ import annotations

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.media import clip as a_clip
from tests.stack.client import Upload
from tests.stack.system import System, wait_for

pytestmark = pytest.mark.stack

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(system: System) -> Samples:
    answer = requests.get(f"{system.url}/metrics", timeout=60)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def value(system: System, name: str, **labels: str) -> float:
    return scrape(system).get((name, frozenset(labels.items())), 0.0)


def test_two_web_processes_and_a_worker_tell_one_truth_and_keep_it_when_they_are_killed() -> None:
    with System() as system:
        for number in range(20):  # each over a connection of its own: both processes answer some
            assert requests.get(f"{system.url}/robots.txt", timeout=60).status_code == 200, number
        asked = {"route": "robots.txt", "method": "GET", "status": "200"}
        assert [value(system, "holdfast_http_requests_total", **asked) for _ in range(6)] == [20] * 6

        clip = a_clip(seconds=2)
        upload = Upload(system.url, system.token, clip)
        assert upload.create().status_code == 201
        upload.send(seconds=60)
        assert value(system, "holdfast_uploads_received_bytes_total") == clip.stat().st_size
        converted = {"circuit": "engine.local", "outcome": "ok"}
        wait_for(lambda: value(system, "holdfast_circuit_calls_total", **converted) == 1, seconds=120, what="the worker's count is told by the web server")
        wait_for(lambda: value(system, "holdfast_http_requests_in_flight") == 1, seconds=60, what="only the one that asks is under way")

        before = {process.pid for process in system.web_workers()}
        for process in system.web_workers() + system.worker_processes():
            process.kill()
        wait_for(lambda: len({process.pid for process in system.web_workers()} - before) == 2 and system.is_ready(), seconds=60, what="both are back")
        after = scrape(system)
        assert after["holdfast_http_requests_total", frozenset(asked.items())] == 20
        assert after["holdfast_uploads_received_bytes_total", frozenset()] == clip.stat().st_size
        assert after["holdfast_circuit_calls_total", frozenset(converted.items())] == 1
        assert after["holdfast_uploads_active", frozenset()] == 0
        files = list((system.var_dir / "run" / "metrics").glob("*.keys"))
        assert len(files) <= len(system.web_workers()) + len(system.worker_processes()) + 3
