"""Through a real nginx with the configuration of deploy/: uploads go on where they stopped, and the check of the way tells a wrong one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from tests.stack.nginx import BINARY, Nginx, rendered
from tests.stack.system import free_port, wait_for
from tests.uploads.server import OFFSET_TYPE, TUS, Server

pytestmark = pytest.mark.skipif(BINARY is None and not os.environ.get("CI"), reason="needs nginx: apt-get install nginx-light")
MIB = 2**20
BUFFERING = {"proxy_request_buffering off;": "proxy_request_buffering on;"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(os.environ["DATABASE_URL"], UPLOAD_ACCEPT="media") as running:
        yield running


@pytest.fixture(scope="module")
def nginx(server: Server) -> Iterator[Nginx]:
    with Nginx(server.port) as running:
        yield running


def check(url: str, token: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the command; returns its exit code, and its findings by name."""
    out, code = io.StringIO(), 0
    try:
        call_command("check_upload_path", url, token=token, json=True, stdout=out)
    except SystemExit as over:
        code = int(str(over.code))
    told = json.loads(out.getvalue())
    assert told["passed"] is (code == 0)
    return code, {finding["name"]: finding for finding in told["findings"]}


def part(server: Server) -> str:
    """Begin a part of a file, which may be anything; returns its path."""
    headers = TUS | {"Upload-Length": str(3 * MIB), "Upload-Concat": "partial", "Authorization": f"Token {server.token}"}
    answer = requests.post(f"{server.url}/files/", headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def test_an_upload_that_is_cut_in_the_middle_goes_on_from_there(server: Server, nginx: Nginx) -> None:
    data = os.urandom(3 * MIB)
    path = part(server)
    head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {OFFSET_TYPE}\r\nContent-Length: {len(data)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=60) as line:
        line.sendall(head.encode() + data[: 2 * MIB])
        wait_for(
            lambda: server.sql("SELECT committed FROM uploads_uploadsession ORDER BY id DESC LIMIT 1")[0][0],
            seconds=60,
            what="something is committed while it is sent",
        )
    offset = server.offset(nginx.url + path)
    assert 0 < offset <= 2 * MIB
    answer = server.patch(nginx.url + path, offset, data[offset:])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(len(data)))
    assert requests.get(nginx.url + path, timeout=60).content == data


def test_bodies_of_unknown_size_pass_too(server: Server, nginx: Nginx) -> None:
    path = part(server)
    answer = server.patch(nginx.url + path, 0, iter([bytes(MIB), bytes(2 * MIB)]))
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(3 * MIB))


def test_the_way_through_nginx_is_sound(server: Server, nginx: Nginx) -> None:
    for url in (server.url, nginx.url):
        code, findings = check(url, server.token)
        assert code == 0, findings
        assert set(findings) == {"create", "dropped", "refusal", "interim"}
        assert findings["dropped"]["passed"] is findings["refusal"]["passed"] is True
        assert findings["interim"]["passed"] is (True if url == server.url else None)


def test_a_proxy_that_trips_over_interim_answers_is_found(server: Server) -> None:
    with Nginx(server.port, **{'proxy_set_header Upload-Draft-Interop-Version "";': ""}) as tripping:
        code, findings = check(tripping.url, server.token)
    assert code == 1
    assert [name for name, finding in findings.items() if finding["passed"] is False] == ["interim"]


def test_the_check_leaves_nothing_behind(server: Server) -> None:
    check(server.url, server.token)
    assert server.sql("SELECT count(*) FROM uploads_video") == [(0,)]
    assert server.sql("SELECT count(*) FROM uploads_uploadsession WHERE state IN ('creating', 'receiving')") == [(0,)]


def test_a_proxy_that_holds_requests_back_is_found(server: Server) -> None:
    with Nginx(server.port, **BUFFERING) as buffering:
        code, findings = check(buffering.url, server.token)
    assert code == 1
    assert findings["dropped"]["passed"] is False
    assert "proxy_request_buffering off" in findings["dropped"]["text"]


def test_a_proxy_that_limits_requests_is_found(server: Server) -> None:
    with Nginx(server.port, **{"client_max_body_size 0; ": "client_max_body_size 1m;"}) as limiting:
        code, findings = check(limiting.url, server.token)
    assert code == 1
    assert findings["refusal"]["passed"] is False
    assert "client_max_body_size" in findings["refusal"]["text"]


def test_what_else_can_be_wrong(server: Server) -> None:
    code, findings = check(server.url, "nonsense")
    assert (code, findings["create"]["passed"], "api_token" in findings["create"]["text"]) == (1, False, True)
    with pytest.raises(CommandError, match="Nobody answers"):
        check(f"http://127.0.0.1:{free_port()}", server.token)
    with pytest.raises(CommandError, match="must begin with"):
        check("holdfast.example", server.token)


def test_plain_words(server: Server) -> None:
    out = io.StringIO()
    call_command("check_upload_path", f"{server.url}/", token=server.token, stdout=out)
    assert "uploads go on where they stopped" in out.getvalue()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        call_command("check_upload_path", server.url, token="nonsense")


def test_no_line_of_the_log_tells_an_address(nginx: Nginx) -> None:
    assert "access_log off;" in rendered(port=1, target=2).partition("location /files/")[2].partition("}")[0]
    assert "upt_" not in (nginx.folder / "error.log").read_text()
