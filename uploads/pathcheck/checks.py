"""The questions, in the order in which an answer makes sense, each with its finding in plain words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from .line import Answer, Line, NoAnswer

LENGTH = 4 * 2**20
SENT = 1 * 2**20
_TUS = {"Tus-Resumable": "1.0.0"}
_OFFSET_TYPE = "application/offset+octet-stream"
_PARTIAL_TYPE = "application/partial-upload"
_PAUSE_SECONDS = 0.5  # for what was sent to pass through, before the line is dropped
_TRIES = 5
_WITHOUT = 'Take Upload-Draft-Interop-Version out of requests on the way (nginx: proxy_set_header Upload-Draft-Interop-Version "").'
_INTERIM_SECONDS = 3.0  # the server commits, and says so, at least every 2 s


@dataclass(frozen=True, slots=True)
class Finding:
    """`passed` is None for what is good to know and harms nothing."""

    name: str
    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Server:
    """Where uploads are sent to, and with whose API token."""

    base: str
    token: str

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one whole request and read its answer; header names are written with underscores."""
        told = {"Connection": "close"} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body or method in ("POST", "PATCH"):
            told["Content-Length"] = str(len(body))
        with Line(self.base) as line:
            line.begin(method, self.path(path), told)
            line.send(body)
            return line.answer(bodiless=method == "HEAD")

    def path(self, path: str) -> str:
        return urlsplit(self.base).path.rstrip("/") + path

    def create(self) -> str:
        """Begin an upload that nobody sees: a part of a file, which belongs to no video. Return its path.

        Raises:
            NoUpload: it was refused.
        """
        answer = self.ask("POST", "/files/", Upload_Length=str(LENGTH), Upload_Concat="partial", Authorization=f"Token {self.token}", Tus_Resumable="1.0.0")
        if answer.status != 201 or "location" not in answer.headers:
            raise NoUpload(answer)
        return urlsplit(answer.headers["location"]).path.removeprefix(urlsplit(self.base).path.rstrip("/"))

    @contextmanager
    def upload(self) -> Iterator[str]:
        path = self.create()
        try:
            yield path
        finally:
            self.ask("DELETE", path, Tus_Resumable="1.0.0")


class NoUpload(Exception):
    """The server, or something in front of it, did not let an upload begin."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.problem_code or str(answer.status))


def check_path(base: str, token: str) -> list[Finding]:
    """Run all checks. What cannot be asked because an earlier answer is missing is left out.

    Raises:
        OSError: nobody listens at the address.
    """
    server = Server(base, token)
    try:
        with server.upload() as path:
            findings = [_created(), _keeps_a_dropped_part(server, path)]
        with server.upload() as path:
            findings.append(_early_refusal(server, path))
        with server.upload() as path:
            findings.append(_interim(server, path))
    except NoUpload as refused:
        return [_not_created(refused.answer)]
    except NoAnswer as silent:
        return [Finding("create", False, f"An upload could not be begun: {silent}.")]
    return findings


def _created() -> Finding:
    return Finding("create", True, "An upload can be begun, asked and canceled.")


def _not_created(answer: Answer) -> Finding:
    code = answer.problem_code
    if code in ("AUTH_REQUIRED", "NOT_SIGNED_IN"):
        return Finding("create", False, "The token is not one of this server. Make one there: manage.py api_token EMAIL.")
    if code:
        return Finding("create", False, f"The server let no upload begin. {answer.detail} ({code})")
    return Finding("create", False, f"Something in front of the server answered {answer.status} to POST /files/, not the server itself.")


def _keeps_a_dropped_part(server: Server, path: str) -> Finding:
    """Send a part of a PATCH, drop the line, and ask what was kept."""
    name = "dropped"
    with Line(server.base) as line:
        line.begin("PATCH", server.path(path), _TUS | {"Upload-Offset": "0", "Content-Type": _OFFSET_TYPE, "Content-Length": str(LENGTH)})
        line.send(bytes(SENT))
        time.sleep(_PAUSE_SECONDS)
    kept = _kept(server, path)
    if kept is None:
        return Finding(name, False, "After a dropped connection the server does not say where the upload stands (HEAD has no Upload-Offset).")
    if kept == 0:
        text = "0 bytes were kept of a connection that dropped. A proxy on the way holds requests back until they are whole: every interrupted "
        return Finding(name, False, text + "upload starts again from zero. Turn request buffering off for /files/ (nginx: proxy_request_buffering off).")
    return Finding(name, True, f"{kept:,} of {SENT:,} bytes were kept of a connection that dropped: uploads go on where they stopped.")


def _kept(server: Server, path: str) -> int | None:
    """Ask until it tells more than 0; a proxy may take a moment to notice the drop."""
    offset: int | None = None
    for _ in range(_TRIES):
        answer = server.ask("HEAD", path, Tus_Resumable="1.0.0")
        told = answer.headers.get("upload-offset", "")
        if answer.status == 200 and told.isdigit():
            offset = int(told)
            if offset:
                return offset
        time.sleep(_PAUSE_SECONDS)
    return offset


def _early_refusal(server: Server, path: str) -> Finding:
    """Send a large part at a wrong place: the refusal comes long before its end, and must reach us."""
    name = "refusal"
    with Line(server.base) as line:
        line.begin("PATCH", server.path(path), _TUS | {"Upload-Offset": "1", "Content-Type": _OFFSET_TYPE, "Content-Length": str(LENGTH - 1)})
        line.send(bytes(LENGTH - 1))
        try:
            answer = line.answer()
        except NoAnswer as silent:
            return Finding(name, False, f"A refusal that comes before the end of a request gets lost on the way: {silent}. People would see no reason.")
    if answer.status == 409 and answer.problem_code == "UPLOAD_OFFSET_MISMATCH":
        return Finding(name, True, "A refusal in the middle of a request arrives, with its reason.")
    if answer.status == 413 and not answer.problem_code:
        return Finding(
            name, False, f"A proxy on the way takes no requests of {LENGTH:,} bytes (413). Lift its limit for /files/ (nginx: client_max_body_size 0)."
        )
    return Finding(name, False, f"A refusal was expected with status 409 and its reason, and {answer.status} came: something on the way replaced it.")


def _interim(server: Server, path: str) -> Finding:
    """Ask for interim answers (104) of the IETF draft: they may be dropped on the way, but must break neither this answer nor the next."""
    name = "interim"
    told = {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?0", "Upload-Offset": "0", "Content-Type": _PARTIAL_TYPE, "Content-Length": str(SENT)}
    with Line(server.base) as line:
        line.begin("PATCH", server.path(path), told)
        line.send(bytes(SENT // 2))
        time.sleep(_INTERIM_SECONDS)
        line.send(bytes(SENT - SENT // 2), in_any_case=True)
        try:
            answer = line.answer()
            line.begin("HEAD", server.path(path), _TUS | {"Connection": "close"})
            line.answer(bodiless=True)
        except NoAnswer as silent:
            return Finding(name, False, f"A request that may be answered in between (104) holds up its connection: {silent}. {_WITHOUT}")
    if not 200 <= answer.status < 300:
        return Finding(name, False, f"A request that may be answered in between (104) came back with {answer.status}. {_WITHOUT}")
    if 104 in answer.interim:
        return Finding(name, True, "Interim answers (104) arrive.")
    return Finding(name, None, "Interim answers (104) do not arrive; clients of the IETF draft ask with HEAD instead, and lose nothing.")
