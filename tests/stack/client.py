"""A plain tus client for failure tests: it goes on through anything, and keeps the ledger of what was acknowledged."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

FAILURES = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass
class Upload:
    """One upload of a file by a stubborn client.

    `acknowledged` holds every offset the server ever told, in order.
    """

    base: str
    token: str
    path: Path
    name: str = ""
    chunk: int = 8 * 2**20
    url: str = ""
    video: str = ""
    acknowledged: list[int] = field(default_factory=list)
    failures: int = 0

    def create(self, **headers: str) -> requests.Response:
        pairs = {"filename": self.name or self.path.name}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
        own = {"Tus-Resumable": "1.0.0", "Upload-Length": str(self.path.stat().st_size), "Upload-Metadata": metadata, "Authorization": f"Token {self.token}"}
        answer = requests.post(f"{self.base}/files/", headers=own | headers, timeout=60)
        if answer.status_code == 201:
            self.url = requests.compat.urljoin(self.base, answer.headers["Location"])
            self.video = answer.headers["Holdfast-Video"]
        return answer

    def offset(self) -> int:
        answer = requests.head(self.url, headers={"Tus-Resumable": "1.0.0"}, timeout=60)
        answer.raise_for_status()
        self.acknowledged.append(int(answer.headers["Upload-Offset"]))
        return self.acknowledged[-1]

    def send(self, *, seconds: float) -> None:
        """Send what is missing, going on after every failure, until the server has all or the time is up."""
        deadline = time.monotonic() + seconds
        size = self.path.stat().st_size
        while time.monotonic() < deadline:
            try:
                offset = self.offset()
                while offset < size:
                    offset = self._patch(offset)
                return
            except (*FAILURES, requests.HTTPError) as failure:
                if isinstance(failure, requests.HTTPError) and failure.response.status_code not in (409, 423, 500, 502, 503):
                    raise
                self.failures += 1
                time.sleep(0.05)
        raise AssertionError(f"not uploaded within {seconds} s; {self.acknowledged[-5:]} of {size}, {self.failures} failures")

    def _patch(self, offset: int) -> int:
        with self.path.open("rb") as source:
            source.seek(offset)
            body = source.read(self.chunk)
        headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        answer = requests.patch(self.url, data=body, headers=headers, timeout=60)
        answer.raise_for_status()
        self.acknowledged.append(int(answer.headers["Upload-Offset"]))
        return self.acknowledged[-1]

    def never_went_back(self) -> bool:
        return all(before <= after for before, after in zip(self.acknowledged, self.acknowledged[1:], strict=False))


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(2**20):
            digest.update(block)
    return digest.hexdigest()
