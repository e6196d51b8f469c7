"""The IETF draft, as small as it goes."""

from __future__ import annotations

import base64
import hashlib
import re
from http.server import BaseHTTPRequestHandler

from .tus import MAX_SIZE
from .uploads import Refused, Upload, Uploads

LIMIT = {"Upload-Limit": f"max-size={MAX_SIZE}, max-age=86400"}
PROBLEMS = "https://iana.org/assignments/http-problem-types#"


class Draft:
    def __init__(self, handler: BaseHTTPRequestHandler, uploads: Uploads) -> None:
        self.handler, self.uploads, self.faults = handler, uploads, uploads.faults
        self.headers = handler.headers

    def answer(self, method: str, path: str) -> tuple[int, dict[str, str]]:
        """Return status and headers. Raises: Refused."""
        if path in ("/files", "/files/") and method == "POST":
            return self.create()
        upload = self.uploads.find(path)
        if method == "HEAD":
            self.uploads.fence(upload)
            return 200, self.told(upload)
        if method == "PATCH":
            return self.patch(upload, path)
        if method == "DELETE":
            del self.uploads.all[path.removeprefix("/files/")]
            self.uploads.fence(upload)
            self.handler.server.cut(upload)  # type: ignore[attr-defined]
            return 204, {}
        raise Refused(405)

    def told(self, upload: Upload) -> dict[str, str]:
        told = LIMIT | {"Upload-Offset": str(upload.offset), "Upload-Complete": "?1" if upload.complete else "?0", "Cache-Control": "no-store"}
        return told if upload.length is None else told | {"Upload-Length": str(upload.length)}

    def integer(self, name: str) -> int | None:
        match = re.fullmatch(r"([0-9]{1,15})(;.*)?", self.headers.get(name) or "")
        return int(match[1]) if match else None

    def boolean(self, name: str) -> bool | None:
        match = re.fullmatch(r"\?([01])(;.*)?", self.headers.get(name) or "")
        return match[1] == "1" if match else None

    def size(self) -> int | None:
        return None if self.headers.get("Transfer-Encoding") else int(self.headers.get("Content-Length") or 0)

    def interim(self, headers: dict[str, str]) -> None:
        version = self.headers.get("Upload-Draft-Interop-Version")
        if version in ("8", "6") or "interim-for-all" in self.faults:
            lines = "".join(f"{name}: {value}\r\n" for name, value in ({"Upload-Draft-Interop-Version": version or "8"} | headers).items())
            self.handler.wfile.write(f"HTTP/1.1 104 Upload Resumption Supported\r\n{lines}\r\n".encode())

    def require_length(self, upload: Upload, *, complete: bool) -> None:
        """Take over what this request says of the length. Raises: Refused."""
        size = self.size()
        said = [self.integer("Upload-Length"), upload.offset + size if complete and size is not None else None]
        for length in (length for length in said if length is not None):
            if upload.length not in (None, length):
                raise Refused(400, {"Upload-Complete": "?0"}, {"type": PROBLEMS + "inconsistent-upload-length"})
            upload.length = length
        if (upload.length or 0) > MAX_SIZE:
            raise Refused(413, LIMIT)

    def create(self) -> tuple[int, dict[str, str]]:
        complete = self.boolean("Upload-Complete")
        if complete is None:
            raise Refused(400)
        upload = Upload(digest=self.headers.get("Repr-Digest") or "")
        self.require_length(upload, complete=complete)
        location = {"Location": self.uploads.add(upload)}
        if self.size() != 0:
            self.interim(location)
        self.append(upload, complete=complete, tell=False)
        return 201, location | LIMIT | {"Upload-Complete": "?1" if upload.complete else "?0"}

    def patch(self, upload: Upload, path: str) -> tuple[int, dict[str, str]]:
        complete, offset = self.boolean("Upload-Complete"), self.integer("Upload-Offset")
        if self.headers.get("Content-Type") != "application/partial-upload":
            raise Refused(415)
        if complete is None or offset is None:
            raise Refused(400)
        if upload.complete and complete and offset + (self.size() or 0) == upload.offset:
            return 204, {"Upload-Complete": "?1"}
        if offset != upload.offset:
            fields: dict[str, object] = {"type": PROBLEMS + "mismatching-upload-offset", "expected-offset": upload.offset, "provided-offset": offset}
            right = {} if "mismatch-silent" in self.faults else {"Upload-Offset": str(upload.offset), "Upload-Complete": "?0"}
            raise Refused(409, right, fields)
        if upload.complete:
            raise Refused(400)
        self.require_room(upload, path)
        self.require_length(upload, complete=complete)
        self.interim({"Upload-Offset": str(upload.offset)})
        try:
            self.append(upload, complete=complete, tell=True)
        except Refused as refused:
            if refused.status == 413 and "overflow-usable" not in self.faults:
                self.uploads.all.pop(path.removeprefix("/files/"), None)
            raise
        return 204, {"Upload-Complete": "?1" if upload.complete else "?0", "Upload-Offset": str(upload.offset)}

    def require_room(self, upload: Upload, path: str) -> None:
        if upload.length is not None and upload.offset + (self.size() or 0) > upload.length:
            if "overflow-usable" not in self.faults:
                del self.uploads.all[path.removeprefix("/files/")]
            raise Refused(413)

    def append(self, upload: Upload, *, complete: bool, tell: bool) -> None:
        if "drop-completes" in self.faults:
            upload.complete = complete
        told = (lambda: self.interim({"Upload-Offset": str(upload.offset)})) if tell else None
        self.handler.server.busy(upload, self.handler, told)  # type: ignore[attr-defined]
        digest = self.headers.get("Content-Digest") or ""
        verify = digest.startswith("sha-256=") and "digest-ignored" not in self.faults
        body = self.uploads.receive(self.handler, upload, whole=verify)
        if verify and not matches(digest, body):
            raise Refused(400)
        upload.content += body
        if complete:
            if upload.digest and not matches(upload.digest, bytes(upload.content)):
                raise Refused(400)
            upload.complete, upload.length = True, upload.offset


def matches(field: str, content: bytes) -> bool:
    return field == f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"
