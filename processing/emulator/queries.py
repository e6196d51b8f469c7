"""Finding jobs: filters, order and pages of ListJobs and SearchJobs, and the queries of StartJobsQuery."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clock import Clock
from .errors import BadRequest, NotFound
from .state import Job

PAGE = 20
KEPT_S = 3_600.0  # of a query's results


def page_of(jobs: list[Job], request: dict[str, Any]) -> tuple[list[Job], str | None]:
    """Return one page of jobs (given newest first) and the token of the next one.

    Args:
        request: with `Order`, `MaxResults`, `NextToken` of the API.

    Raises:
        BadRequest: the token is none of ours.
    """
    order = request.get("Order", "DESCENDING")
    if order == "ASCENDING":
        jobs = jobs[::-1]
    if token := request.get("NextToken"):
        after = _read(token, order)
        jobs = [job for job in jobs if (job.order > after if order == "ASCENDING" else job.order < after)]
    size = request.get("MaxResults", PAGE)
    page = jobs[:size]
    return page, (_token(page[-1].order, order) if len(jobs) > size else None)


def _token(last: int, order: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([last, order]).encode()).decode()


def _read(token: str, order: str) -> int:
    try:
        last, of_order = json.loads(base64.urlsafe_b64decode(token))
        if of_order == order and isinstance(last, int):
            return last
    except (binascii.Error, ValueError, TypeError):
        pass  # said below, as for a token of another order
    raise BadRequest("/nextToken: The token is not valid")


_FACTS: dict[str, Callable[[Job, str], bool]] = {
    "queue": lambda job, value: value in (job.queue, job.queue.rpartition("/")[2]),
    "status": lambda job, value: job.status == value,
    "fileInput": lambda job, value: any(value in url for url in job.inputs),
    "jobEngineVersionRequested": lambda job, value: job.request.get("JobEngineVersion") == value,
    "jobEngineVersionUsed": lambda job, value: job.request.get("JobEngineVersion") == value,
    "audioCodec": lambda job, value: value in _codecs(job, "AudioDescriptions"),
    "videoCodec": lambda job, value: value in _codecs(job, "VideoDescription"),
    "errorCode": lambda job, value: str(job.error_code) == value,
}


def _codecs(job: Job, kind: str) -> set[str]:
    found = set()
    for group in job.settings.get("OutputGroups", ()):
        for output in group.get("Outputs", ()):
            described = output.get(kind) or []
            for description in described if isinstance(described, list) else [described]:
                found.add(description.get("CodecSettings", {}).get("Codec", ""))
    return found


def matches(job: Job, filters: list[dict[str, Any]]) -> bool:
    """Whether a job fulfils each filter by one of its values."""
    return all(any(_FACTS[item["Key"]](job, value) for value in item.get("Values", ())) for item in filters)


@dataclass(frozen=True, slots=True)
class _Query:
    region: str
    request: dict[str, Any]
    started: float


class Queries:
    """Queries that were started, to be asked for their results."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queries: dict[str, _Query] = {}
        self._lock = threading.Lock()

    def start(self, region: str, request: dict[str, Any]) -> str:
        number = secrets.token_hex(16)
        with self._lock:
            now = self._clock.now()
            self._queries = {key: query for key, query in self._queries.items() if now - query.started < KEPT_S}
            self._queries[number] = _Query(region, request, now)
        return number

    def request(self, region: str, number: str) -> dict[str, Any]:
        """Raises: NotFound."""
        with self._lock:
            query = self._queries.get(number)
        if query is None or query.region != region:
            raise NotFound(f"The specified jobs query doesn't exist: {number}")
        return query.request

    def forget(self) -> None:
        with self._lock:
            self._queries.clear()
