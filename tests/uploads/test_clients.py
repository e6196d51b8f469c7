"""Clients as they are published: tuspy, tus-js-client and curl, unmodified, against the real server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.storage.filestorage import FileStorage

from tests.programs import node
from tests.uploads.server import ROOT, TUS, Server, metadata

MIB = 2**20
KIB = 2**10


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A file that is not a whole number of chunks."""
    path = tmp_path / "film.bin"
    path.write_bytes(os.urandom(3 * MIB + 17))
    return path


def stored(server: Server, url: str) -> bytes:
    answer = requests.get(url, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.content


# --- tuspy


@pytest.fixture
def source(film: Path) -> Iterator[Any]:
    """The file, opened: what tuspy opens itself it leaves open, which Python warns of."""
    with film.open("rb") as stream:
        yield stream


def tuspy(server: Server) -> TusClient:
    return TusClient(f"{server.url}/files/", headers={"Authorization": f"Token {server.token}"})


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # with addresses stored, tuspy must open the file itself
def test_tuspy_goes_on_by_its_stored_address(server: Server, film: Path, tmp_path: Path) -> None:
    storage = FileStorage(str(tmp_path / "addresses.json"))

    def uploader() -> Any:
        return tuspy(server).uploader(str(film), chunk_size=MIB, store_url=True, url_storage=storage, metadata={"filename": "film.bin"})

    with contextlib.closing(storage):
        first = uploader()
        first.upload(stop_at=2 * MIB)
        second = uploader()
        assert (second.url, second.offset) == (first.url, 2 * MIB)
        second.upload()
    assert stored(server, second.url) == film.read_bytes()


def test_tuspy_sends_checksums(server: Server, source: Any, film: Path) -> None:
    uploader = tuspy(server).uploader(file_stream=source, chunk_size=MIB, upload_checksum=True)
    uploader.upload()
    assert uploader.request._request_headers["upload-checksum"].startswith("sha1 ")
    assert stored(server, uploader.url) == film.read_bytes()


def test_tuspy_goes_on_after_a_refused_chunk(server: Server, source: Any, film: Path) -> None:
    """Somebody else moved the upload on: its PATCH meets a 409, it asks for the offset, and goes on from there."""
    uploader = tuspy(server).uploader(file_stream=source, chunk_size=MIB, retries=2, retry_delay=0)
    uploader.upload_chunk()
    assert server.patch(uploader.url, MIB, film.read_bytes()[MIB : MIB + 5]).status_code == 204
    uploader.upload()
    assert stored(server, uploader.url) == film.read_bytes()


def test_tuspy_uploads_asynchronously_several_at_once(server: Server, film: Path) -> None:
    content = film.read_bytes()

    async def run() -> list[str]:
        uploaders = [tuspy(server).async_uploader(file_stream=io.BytesIO(content), chunk_size=512 * KIB) for _ in range(3)]
        await asyncio.gather(*(uploader.upload() for uploader in uploaders))
        return [uploader.url for uploader in uploaders]

    for url in asyncio.run(run()):
        assert stored(server, url) == content


def test_tuspy_hears_of_a_refusal(server: Server, source: Any) -> None:
    with pytest.raises(TusCommunicationError) as refused:
        TusClient(f"{server.url}/files/", headers={"Authorization": "Token wrong"}).uploader(file_stream=source).upload()
    assert refused.value.status_code == 401


# --- tus-js-client


def tus_js(server: Server, path: Path, *, fails: bool = False, **asked: Any) -> dict[str, Any]:
    """Run tus-js-client under Node.js and return what it printed."""
    modules = Path(os.environ.get("NODE_MODULES") or ROOT / "node_modules")
    options = {"endpoint": f"{server.url}/files/", "headers": {"Authorization": f"Token {server.token}"}, "metadata": {"filename": path.name}}
    given = json.dumps({"path": str(path)} | asked | {"options": options | asked.get("options", {})})
    command = [node(), str(Path(__file__).with_name("tus_js.mjs")), str(modules), given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_tus_js_client_creates_and_resumes_and_its_metadata_comes_back(server: Server, film: Path, tmp_path: Path) -> None:
    options = {"chunkSize": 512 * KIB, "metadata": {"filename": "Größe.bin", "nonlatin": "słońce", "empty": ""}}
    storage = tmp_path / "addresses.json"
    storage.write_text("{}")
    first = tus_js(server, film, stopAt=MIB, storage=str(storage), options=options)
    assert server.offset(first["url"]) >= MIB
    second = tus_js(server, film, storage=str(storage), options=options)
    assert (second["url"], second["done"], second["seen"][0]) == (first["url"], True, "HEAD")
    assert "POST" not in second["seen"]
    pairs = dict(pair.partition(" ")[::2] for pair in server.head(first["url"]).headers["Upload-Metadata"].split(","))
    assert {key: base64.b64decode(value).decode() for key, value in pairs.items()} == options["metadata"]
    assert stored(server, first["url"]) == film.read_bytes()


def test_tus_js_client_sends_data_with_the_creation(server: Server, film: Path) -> None:
    found = tus_js(server, film, options={"uploadDataDuringCreation": True})
    assert found["seen"] == ["POST"]
    assert stored(server, found["url"]) == film.read_bytes()


def test_tus_js_client_overrides_the_method(server: Server, film: Path) -> None:
    found = tus_js(server, film, options={"overridePatchMethod": True, "chunkSize": 2 * MIB})
    assert found["seen"] == ["POST", "POST", "POST"]
    assert stored(server, found["url"]) == film.read_bytes()


def test_tus_js_client_terminates(server: Server, film: Path) -> None:
    stopped = tus_js(server, film, stopAt=MIB, options={"chunkSize": 512 * KIB})
    assert tus_js(server, film, terminate=stopped["url"])["terminated"] is True
    assert requests.head(stopped["url"], headers=TUS, timeout=20).status_code in (404, 410)


def test_tus_js_client_says_the_length_at_the_end(server: Server, film: Path) -> None:
    found = tus_js(server, film, deferred=True, options={"chunkSize": MIB})
    head = server.head(found["url"])
    assert (head.headers["Upload-Length"], head.headers.get("Upload-Defer-Length")) == (str(3 * MIB + 17), None)
    assert stored(server, found["url"]) == film.read_bytes()


def test_tus_js_client_uploads_four_parts_side_by_side(server: Server, film: Path) -> None:
    found = tus_js(server, film, options={"parallelUploads": 4})
    head = server.head(found["url"])
    assert head.headers["Upload-Concat"].startswith("final;")
    assert head.headers["Upload-Metadata"] == metadata(filename="film.bin")
    assert found["seen"].count("POST") == 5
    assert stored(server, found["url"]) == film.read_bytes()


def test_tus_js_client_goes_on_with_four_parts(server: Server, film: Path, tmp_path: Path) -> None:
    storage = tmp_path / "addresses.json"
    storage.write_text("{}")
    options = {"parallelUploads": 4, "chunkSize": 256 * KIB}
    tus_js(server, film, stopAt=300 * KIB, storage=str(storage), options=options)
    found = tus_js(server, film, storage=str(storage), options=options)
    assert found["seen"].count("HEAD") == 4
    assert found["seen"].count("POST") == 1
    assert stored(server, found["url"]) == film.read_bytes()


def test_tus_js_client_speaks_the_draft(server: Server, film: Path) -> None:
    options = {"protocol": "ietf-draft-05", "chunkSize": MIB}
    first = tus_js(server, film, stopAt=MIB, options=options)
    found = tus_js(server, film, options=options | {"uploadUrl": first["url"]})
    assert found["seen"][0] == "HEAD"
    assert stored(server, found["url"]) == film.read_bytes()


def test_tus_js_client_hears_why_it_is_refused(server: Server, film: Path) -> None:
    found = tus_js(server, film, fails=True, options={"headers": {"Authorization": "Token wrong"}})
    assert "response code: 401" in found["error"]
    assert "AUTH_REQUIRED" in found["error"]
