"""From an ASGI scope to an answer: method, version, handler, and every error as a problem."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from resilience.http.errors import MethodNotAllowed
from resilience.http.request_ids import bind_request, choose_request_id, current_request_id
from resilience.http.translate import as_app_error
from uploads.append.body import Body, Receive
from uploads.append.writer import ClientGone
from uploads.errors import ServerRestarting, UploadGone, UploadNotFound
from uploads.figures import count_request
from uploads.models import UploadSession
from uploads.protocol import dialects
from uploads.protocol.headers import Headers
from uploads.protocol.requests import ROOT, Request
from uploads.protocol.responses import Response, problem_response

from . import log as request_log
from .append import append
from .cancel import cancel
from .create import create
from .dialect import dialect_of
from .download import download
from .drain import draining, watch_for_shutdown
from .interim import Interim
from .status import status

log = structlog.get_logger(__name__)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
LINGER_SECONDS = 5.0
SILENCE_SECONDS = 1.0
COLLECTION_METHODS = "OPTIONS, POST"
UPLOAD_METHODS = "OPTIONS, HEAD, GET, PATCH, DELETE"


async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request."""
    started = time.monotonic()
    headers = Headers(scope["headers"])
    bind_request(request_id=choose_request_id(headers.text("X-Request-ID")), traceparent=headers.text("traceparent"))
    notes = request_log.begin()
    watch_for_shutdown()
    request = Request.from_scope(scope)
    body = Body(receive)
    status_code, code = 0, "ended"  # what the log says of a request that was ended from outside before it was answered
    try:
        response, code = await _answer_or_problem(request, body, Interim(send, headers), upload=notes)
        status_code = response.status
        await _send(send, request, response)
        if request.announces_body() and body.end is None:
            await body.linger(seconds=LINGER_SECONDS, silence=SILENCE_SECONDS)
    finally:
        await body.close()
        count_request(method=request.method, status=status_code, code=code)
        request_log.write(method=request.method, status=status_code, received=body.received, milliseconds=round((time.monotonic() - started) * 1000), code=code)


async def _answer_or_problem(request: Request, body: Body, interim: Interim, *, upload: list[str]) -> tuple[Response, str]:
    """Return the answer and the code of what went wrong, or "". `upload` gets the id of the upload once it is known."""
    code, protocol = "", dialects.named(request.headers)
    try:
        protocol = await dialect_of(request)
        response = await _answer(request, body, protocol, interim)
    except ClientGone:
        response, code = Response(400), "client_gone"
    except Exception as exception:
        error = UploadGone() if isinstance(exception, UploadSession.DoesNotExist) else as_app_error(exception)  # deleted while we were at it
        code = error.code
        if error.entry.status >= 500:
            log.error("upload.failed", code=code, exc_info=exception)
        response = problem_response(error, instance=f"{ROOT}/{upload[0] if upload else ''}")
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = UPLOAD_METHODS if request.segment else COLLECTION_METHODS
    dialects.mark(response, request, protocol)
    return response, code


async def _answer(request: Request, body: Body, protocol: str, interim: Interim) -> Response:
    if request.method == "OPTIONS":
        return Response(204, dialects.capabilities())
    if not request.segment:
        if request.method != "POST":
            raise MethodNotAllowed
        _require_running()
        return await create(request, body, protocol, interim)
    match request.method:
        case "PATCH":
            _require_running()
            return await append(request, body, protocol, interim)
        case "HEAD":
            return await status(request, protocol)
        case "DELETE":
            return await cancel(request)
        case "GET":
            return await download(request)
        case "POST" if "/" in request.segment or not request.segment.startswith(("upt_", "upl_")):
            raise UploadNotFound
        case _:
            raise MethodNotAllowed


def _require_running() -> None:
    if draining():
        raise ServerRestarting(retry_after=1)


async def _send(send: Send, request: Request, response: Response) -> None:
    headers = dict(response.headers)
    headers["X-Request-ID"] = current_request_id()
    if response.stream is None and response.status not in (204, 304):
        headers.setdefault("Content-Length", str(len(response.body)))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    if response.stream is not None and not request.is_head:
        async for piece in response.stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        await send({"type": "http.response.body", "body": b"" if request.is_head else response.body, "more_body": False})
