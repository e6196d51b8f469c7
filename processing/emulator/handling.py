"""From a request to an answer, without the network: region, faults, checks, the operation, the answer's JSON.

1. Find the operation and the region. 2. Ask the fault book what happens instead, or before. 3. Check the input. 4. Do it; from here on it is done.
5. Note it in the journal. 6. Ask whether the answer gets lost.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .errors import ApiError, ConnectionReset
from .faults import Fault, Subject
from .operations import LAGGING, REQUEST_FAULTS, SUPPORTED, Call, subject_of
from .service import Emulator
from .validate import checked
from .wire import Route, encode, gathered, route

_SCOPE = re.compile(r"Credential=[^/,]*/\d{8}/([a-z0-9-]+)/", re.IGNORECASE)
DEFAULT_REGION = "us-east-1"
_NAMES = {Fault.THROTTLE: "TooManyRequestsException", Fault.QUOTA: "ServiceQuotaExceededException", Fault.FORBIDDEN: "ForbiddenException"}
_WORDS = {
    Fault.THROTTLE: "Too Many Requests",
    Fault.QUOTA: "You exceeded a service quota",
    Fault.FORBIDDEN: "User is not authorized to perform this operation",
    Fault.ERROR: "Internal server error",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `target` is path and query as sent; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def region(self) -> str:
        """The region of the signature's scope; unsigned requests are for us-east-1."""
        query = parse_qs(urlsplit(self.target).query)
        signed = self.headers.get("authorization", "") or "Credential=" + query.get("X-Amz-Credential", [""])[0]
        found = _SCOPE.search(signed)
        return found[1] if found else DEFAULT_REGION


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    document: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return json.dumps(self.document).encode()


def answer(emulator: Emulator, request: Request) -> Answer:
    """Answer a request of the service's API.

    Raises:
        ConnectionReset: a fault wants the connection reset.
    """
    number = str(uuid.uuid4())
    try:
        status, document = _do(emulator, request)
    except ApiError as refused:
        headers = {"x-amzn-ErrorType": refused.name, "x-amzn-RequestId": number}
        return Answer(refused.status, {"message": refused.message}, headers)
    return Answer(status, document, {"x-amzn-RequestId": number})


def _do(emulator: Emulator, request: Request) -> tuple[int, Any]:
    parts, region = urlsplit(request.target), request.region
    found = route(request.method, parts.path)
    name = found.operation.name
    values, unreadable = _values(found, request)
    call = Call(emulator, region, f"http://{request.headers.get('host', '127.0.0.1')}")
    subject = subject_of(call, name, values)
    notes = {"operation": name, "region": region, "inputs": list(subject.inputs), "metadata": dict(subject.metadata)}
    try:
        _before(emulator, subject)
        if unreadable is not None:
            raise unreadable
        lag = emulator.faults.take(Fault.LAG, subject) if name in LAGGING else None
        if lag is not None:
            call = Call(emulator, region, call.url, float(lag.params.get("seconds", 5)))
        document = _operate(call, found, values)
    except ApiError as refused:
        emulator.journal.write("request", **notes, status=refused.status, error=refused.name, message=refused.message[:1_000])
        raise
    except ConnectionReset:
        emulator.journal.write("request", **notes, status=0, error="reset_before")
        raise
    status = int(found.operation.http.get("responseCode", 200))
    if emulator.faults.take(Fault.RESET_AFTER, subject) is not None:
        emulator.journal.write("request", **notes, status=status, error="reset_after")
        raise ConnectionReset
    emulator.journal.write("request", **notes, status=status)
    return status, document


def _values(found: Route, request: Request) -> tuple[dict[str, Any], ApiError | None]:
    """Return what the request says, by the names on the wire, and why it cannot be read, if so: faults come before that refusal."""
    query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
    own = {name: values for name, values in query.items() if not name.startswith("X-Amz-")}
    try:
        body = json.loads(request.body) if request.body.strip() else {}
        return gathered(found, own, body), None
    except ValueError:
        return {}, ApiError("BadRequestException", "The request's body is not valid JSON")
    except ApiError as refused:
        return {}, refused


def _before(emulator: Emulator, subject: Subject) -> None:
    """Do to a request what the fault book says, before anything is done for it.

    Raises:
        ApiError, ConnectionReset: as the book says.
    """
    take, now = emulator.faults.take, emulator.clock.now()
    if (rule := take(Fault.REGION_DOWN, subject)) is not None:
        if "http_status" not in rule.params:
            raise ConnectionReset
        raise ApiError("InternalServerErrorException", "Service unavailable", status=int(rule.params["http_status"]))
    if (rule := take(Fault.LATENCY, subject)) is not None:
        emulator.clock.wait_until(now + float(rule.params.get("seconds", 1)), threading.Event())
    if take(Fault.RESET_BEFORE, subject) is not None:
        raise ConnectionReset
    for fault in REQUEST_FAULTS:
        if (rule := take(fault, subject)) is not None:
            status = int(rule.params.get("http_status", 500)) if fault is Fault.ERROR else None
            words = str(rule.params.get("message", _WORDS[fault]))
            raise ApiError(_NAMES.get(fault, "InternalServerErrorException"), words, status=status)


def _operate(call: Call, found: Route, values: dict[str, Any]) -> Any:
    name, shape = found.operation.name, found.operation.input_shape
    if name not in SUPPORTED:
        raise ApiError("NotImplementedException", f"{name} is not supported by the emulator")
    request = checked(shape, values) if shape is not None else {}
    output = SUPPORTED[name](call, request)
    return encode(found.operation.output_shape, output) if found.operation.output_shape is not None else {}
