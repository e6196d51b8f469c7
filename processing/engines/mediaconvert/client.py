"""The one way to MediaConvert, in whichever region, and the maker of clients for what belongs to it.

One layer of retries (botocore's standard mode), short limits on time, and a circuit for each region. The regional address is used as it
is (DescribeEndpoints is deprecated), or MEDIACONVERT_ENDPOINT_URL with the region in it. Nothing here may be called inside a database
transaction; the circuit refuses it.

Use:
    client.call("eu-west-1", "get_job", Id=external_id)["Job"]
    client.made("sqs", region="eu-west-1", read_seconds=30)
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError
from botocore.loaders import create_loader
from django.conf import settings

from processing.engines.base import RAW_LIMIT, EngineFailure, Failure
from resilience import bulkheads
from resilience.circuits import circuit
from resilience.circuits.breaker import FleetCircuit
from resilience.metrics import counter, histogram

CONNECT_SECONDS = 3
READ_SECONDS = 10
TRIES = 3
BEGIN_SECONDS = 26.0  # no further try begins later than this: with one that takes its whole time, a call stays under 40 s
CONNECTIONS = 16
PATIENCE_SECONDS = 5.0  # a task waits for a place rather than come back later

CALLS = counter("holdfast_mediaconvert_calls_total", "Calls of MediaConvert, by what was asked and what came of it.", ["operation", "outcome"])
CALL_SECONDS = histogram("holdfast_mediaconvert_call_seconds", "Calls of MediaConvert with their tries, whatever came of them.")

# The connection was never made, so nothing of the request was sent.
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)
# Answers that speak of the account or of the service as a whole, not of this one request.
_COUNTED = frozenset({402, 403})
_local = threading.local()
_clients: dict[tuple[object, ...], Any] = {}
_making = threading.Lock()
_loader = create_loader()  # keeps what it has read of botocore's descriptions; a fork has it too


class CallFailed(EngineFailure):
    """A call that did not do what it was asked."""

    outcome = "failed"


class Refused(CallFailed):
    """MediaConvert answered, and said no; nothing was done. `status` is HTTP's."""

    outcome = "refused"

    def __init__(self, failure: Failure, status: int) -> None:
        super().__init__(failure)
        self.status = status


class Missing(Refused):
    """What was asked for is not there (404)."""

    outcome = "missing"


class Unreachable(CallFailed):
    """The request never left: no connection, no credentials. Nothing was done."""

    outcome = "unreachable"


class OutcomeUnknown(CallFailed):
    """The request was sent, and nobody knows what became of it: no answer, half an answer, or a fault of the service."""

    outcome = "unknown"


class OutOfTime(Exception):
    """The time for a call with all its tries is over."""


@dataclass
class _Tries:
    """What is known of the tries of one call of this thread."""

    deadline: float
    unanswered: str = ""  # name of what a try met that may have been carried out


def circuit_of(region: str) -> FleetCircuit:
    """Return the circuit of a region's MediaConvert; the name is the engine's in a chain."""
    name = f"engine.mediaconvert:{region}"
    bulkheads.patient(name, seconds=PATIENCE_SECONDS)
    return circuit(name, exclude=(_says_nothing_of_the_service,), fail_max=5, timeout=40.0, slow_seconds=20.0)


def call(region: str, operation: str, *, begin_seconds: float = BEGIN_SECONDS, **arguments: Any) -> dict[str, Any]:
    """Make one call, named as boto3 names it, and return its answer.

    Args:
        begin_seconds: no try is sent later than so many seconds from now.

    Raises:
        Refused (Missing): answered with no. Unreachable: never sent. OutcomeUnknown: sent, not answered.
        CircuitOpen: the region has been failing; nothing was sent.
    """

    def ask() -> dict[str, Any]:
        with _tried(begin_seconds) as tries:
            try:
                answer: dict[str, Any] = getattr(client(region), operation)(**arguments)
                return answer
            except (ClientError, BotoCoreError, OutOfTime) as failure:
                raise _told(failure, tries) from failure

    try:
        with CALL_SECONDS.time():
            answer = circuit_of(region).call(ask)
    except CallFailed as failed:
        CALLS.labels(operation, failed.outcome).inc()
        raise
    CALLS.labels(operation, "answered").inc()
    return answer


def client(region: str) -> Any:
    """Return this process's client of a region's MediaConvert."""
    return made("mediaconvert", region=region, endpoint_url=settings.MEDIACONVERT_ENDPOINT_URL.replace("{region}", region))


def made(service: str, *, region: str, endpoint_url: str = "", read_seconds: float = READ_SECONDS) -> Any:
    """Return this process's client of an AWS service; made at first use, so never before a fork.

    Args:
        endpoint_url: empty takes AWS's own.
        read_seconds: longest silence of the other side; more than a long poll lasts.
    """
    key = (os.getpid(), service, region, endpoint_url, read_seconds)
    if key not in _clients:
        with _making:
            if key not in _clients:
                _clients[key] = _make(service, region, endpoint_url, read_seconds)
    return _clients[key]


def _make(service: str, region: str, endpoint_url: str, read_seconds: float) -> Any:
    core = botocore.session.Session()
    core.register_component("data_loader", _loader)
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        max_pool_connections=CONNECTIONS,
    )
    session = boto3.session.Session(botocore_session=core)
    client = session.client(service, region_name=region, endpoint_url=endpoint_url or None, config=config)
    client.meta.events.register(f"before-send.{service}", _in_time)
    client.meta.events.register_first(f"needs-retry.{service}", _remember)
    return client


@contextmanager
def _tried(seconds: float) -> Iterator[_Tries]:
    _local.tries = _Tries(time.monotonic() + seconds)
    try:
        yield _local.tries
    finally:
        del _local.tries


def _in_time(**_event: Any) -> None:
    """Begin no further try once the time for all of them is over."""
    tries: _Tries | None = getattr(_local, "tries", None)
    if tries is not None and time.monotonic() > tries.deadline:
        raise OutOfTime


def _remember(response: Any = None, caught_exception: BaseException | None = None, **_event: Any) -> None:
    """Keep in mind that a try may have been carried out, whatever later ones say."""
    tries: _Tries | None = getattr(_local, "tries", None)
    if tries is None:
        return
    if caught_exception is not None:
        if not isinstance(caught_exception, (*_NEVER_SENT, OutOfTime)):
            tries.unanswered = type(caught_exception).__name__
    elif response is not None and response[0].status_code >= 500:
        tries.unanswered = str(response[1].get("Error", {}).get("Code") or response[0].status_code)


def _told(failure: Exception, tries: _Tries) -> CallFailed:
    """Say what came of a call: a try that may have been carried out counts for more than what the last one said."""
    error = failure.response.get("Error", {}) if isinstance(failure, ClientError) else {}
    code = str(error.get("Code") or type(failure).__name__)
    words = str(error.get("Message") or failure)[:RAW_LIMIT]
    if tries.unanswered:
        return OutcomeUnknown(Failure("botocore", tries.unanswered, words))
    if not isinstance(failure, ClientError):
        return Unreachable(Failure("botocore", code, words))
    status = int(failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return (Missing if status == 404 else Refused)(Failure("botocore", code, words), status)


def _says_nothing_of_the_service(error: BaseException) -> bool:
    ours = isinstance(error, Unreachable) and error.failure.code == "ParamValidationError"
    return ours or (isinstance(error, Refused) and error.status not in _COUNTED)


def _after_fork() -> None:
    """In the child: a thread of the parent may have held it for ever."""
    global _making
    _making = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
