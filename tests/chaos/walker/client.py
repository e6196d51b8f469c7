"""A stubborn client, in the process of its server but not of its life: what it knows is in the ledger."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.uploads import client as line
from tests.uploads.client import OFFSET_TYPE, Answer

from .world import World

AGAIN = frozenset({409, 423, 429, 500, 502, 503})
MOST_TRIES = 200
PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Sending:
    """A file to send. Without a `key` the creation is a plain one, whose answer, when it is lost, leaves an upload nobody knows of.

    Args:
        chunk: bytes of one request; 0 sends all in one.
        first: bytes sent along with the creation.
        fate: what is to become of it (invariants.FATES). about: more metadata. most: bytes that are sent at all.
    """

    name: str
    path: Path
    chunk: int = 0
    first: int = 0
    key: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    fate: str = "whole"
    most: int = 2**62

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()[: self.most]


async def request(method: str, path: str, **headers: Any) -> Answer:
    """Send one request; an answer that does not come is one that says: ask again."""
    try:
        return await line.request(method, path, **headers)
    except TimeoutError:
        return Answer(status=503)


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def upload(world: World, file: Sending) -> str:
    return asyncio.run(send(world, file))


async def send(world: World, file: Sending) -> str:
    """Upload a file, going on from what is known. Return its address."""
    address = await create(world, file)
    data = file.data
    for _ in range(MOST_TRIES):
        answer = await request("HEAD", address)
        if answer.status in AGAIN:
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        assert answer.status == 200, answer
        offset = told(world, file, answer)
        while offset < len(data) and answer.status not in AGAIN:
            body = data[offset : offset + (file.chunk or len(data))]
            answer = await request("PATCH", address, body=body, **{"Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE})
            if answer.status == 204:
                offset = told(world, file, answer)
            else:
                assert answer.status in AGAIN, answer
        if offset == len(data):
            return address
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError(f"{file.name} was never taken whole")


async def create(world: World, file: Sending) -> str:
    known = world.ledger.last("address", name=file.name)
    if known is not None:
        return str(known["address"])
    headers = {"Upload-Length": str(file.path.stat().st_size), "Upload-Metadata": metadata(filename=file.path.name, **file.about)}
    headers |= {"Authorization": f"Token {world.token}"} | ({"Idempotency-Key": file.key} if file.key else {}) | file.headers
    if file.headers.get("Upload-Concat", "").startswith("final"):
        del headers["Upload-Length"]
    body = file.data[: file.first]
    for _ in range(MOST_TRIES):
        answer = await request("POST", "/files/", body=body, **headers | ({"Content-Type": OFFSET_TYPE} if body else {}))
        if answer.status not in AGAIN:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    assert answer.status == 201, answer
    address = answer.headers["location"]
    told_as: dict[str, Any] = {"upload": answer.headers["holdfast-upload"], "video": answer.headers.get("holdfast-video", "")}
    told_as["sent"] = "final" not in file.headers.get("Upload-Concat", "")  # else its bytes came with others
    world.ledger.note("address", name=file.name, path=str(file.path), fate=file.fate, address=address, **told_as)
    if "upload-offset" in answer.headers:
        told(world, file, answer)
    return address


def told(world: World, file: Sending, answer: Answer) -> int:
    world.ledger.note("told", name=file.name, offset=answer.offset)
    return answer.offset
