"""What is counted of uploads, where their bytes pass: requests, bytes, refusals, and how long making bytes durable takes."""

from __future__ import annotations

from resilience.http.figures import METHODS
from resilience.http.problems import ERRORS
from resilience.metrics import counter, gauge, histogram

REQUESTS = counter("holdfast_uploads_requests_total", "Requests to /files/ answered, by method and status.", ["method", "status"])
RECEIVED = counter("holdfast_uploads_received_bytes_total", "Bytes of uploads that arrived, also those that had to be sent again.")
ACTIVE = gauge("holdfast_uploads_active", "Requests that send bytes now.")
REFUSALS = counter("holdfast_uploads_refusals_total", "Requests to /files/ that ended in an error, by code of the catalogue.", ["code"])
DURABLE = histogram("holdfast_uploads_durable_seconds", "Time to make bytes durable in the store before they are acknowledged.")


def count_request(*, method: str, status: int, code: str) -> None:
    """Count a request that ended. `status` 0 and the codes in lower case are requests nobody was left to answer."""
    REQUESTS.labels(method if method in METHODS else "other", status).inc()
    if code.isupper():
        REFUSALS.labels(code).inc()
        ERRORS.labels(code).inc()
