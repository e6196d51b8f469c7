"""tus 1.0, as small as it goes."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from .uploads import Refused, Upload, Uploads

MAX_SIZE = 10**9
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,termination,concatenation"
OPTIONS = {"Tus-Version": "1.0.0", "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(MAX_SIZE), "Tus-Checksum-Algorithm": "sha1,sha256,crc32"}
_KEY = re.compile(r"[!-+\--~]+")


class Tus:
    def __init__(self, handler: BaseHTTPRequestHandler, uploads: Uploads) -> None:
        self.handler, self.uploads, self.faults = handler, uploads, uploads.faults
        self.headers = handler.headers

    def answer(self, method: str, path: str) -> tuple[int, dict[str, str]]:
        """Return status and headers. Raises: Refused."""
        if self.headers.get("Tus-Resumable") != "1.0.0" and "any-version" not in self.faults:
            raise Refused(412, {"Tus-Version": "1.0.0"})
        if path in ("/files", "/files/") and method == "POST":
            return self.create()
        upload = self.uploads.find(path)
        if method == "HEAD":
            return self.head(upload)
        if method == "PATCH":
            return self.patch(upload)
        if method == "DELETE":
            if "delete-keeps" not in self.faults:
                del self.uploads.all[path.removeprefix("/files/")]
            self.uploads.fence(upload)
            return 204, {}
        raise Refused(405)

    def number(self, name: str) -> int:
        value = self.headers.get_all(name) or []
        if "lenient-numbers" in self.faults and value:
            return int(float(value[0] or 0)) if value[0] != "abc" else 0
        if len(value) != 1 or not re.fullmatch(r"[0-9]{1,19}", value[0]) or int(value[0]) >= 2**63:
            raise Refused(400)
        return int(value[0])

    def length(self) -> int | None:
        defer = self.headers.get("Upload-Defer-Length")
        if defer is not None:
            if defer != "1" or self.headers.get("Upload-Length") is not None:
                raise Refused(400)
            return None
        length = self.number("Upload-Length")
        if length > MAX_SIZE:
            raise Refused(413)
        return length

    def create(self) -> tuple[int, dict[str, str]]:
        upload = Upload(metadata=self.metadata(), concat=self.headers.get("Upload-Concat") or "")
        if upload.concat.startswith("final"):
            return 201, {"Location": self.uploads.add(self.joined(upload))}
        if upload.concat not in ("", "partial"):
            raise Refused(400)
        upload.length = self.length()
        answer = {}
        if self.headers.get("Content-Length", "0") != "0" or self.headers.get("Transfer-Encoding"):
            self.append(upload)
            answer["Upload-Offset"] = str(upload.offset)
        return 201, answer | {"Location": self.uploads.add(upload)}

    def joined(self, upload: Upload) -> Upload:
        parts = [self.uploads.find(urlsplit(url).path) for url in upload.concat.removeprefix("final").removeprefix(";").split()]
        if not parts or any(part.concat != "partial" or (part.offset != part.length and "unfinished" not in self.faults) for part in parts):
            raise Refused(400)
        for part in parts:
            upload.content += part.content
        upload.length = upload.offset
        return upload

    def metadata(self) -> str:
        given = self.headers.get("Upload-Metadata") or ""
        keys = []
        for element in given.split(",") if given and "any-metadata" not in self.faults else []:
            key, _, value = element.partition(" ")
            try:
                base64.b64decode(value, validate=True)
            except ValueError:
                raise Refused(400) from None
            keys.append(key)
        if "object-keys" in self.faults and any(hasattr(object, key) or key == "constructor" for key in keys):
            raise Refused(400)
        if len(set(keys)) < len(keys) or not all(_KEY.fullmatch(key) for key in keys):
            raise Refused(400)
        return given

    def head(self, upload: Upload) -> tuple[int, dict[str, str]]:
        self.uploads.fence(upload)
        told = {"Upload-Offset": str(upload.offset), "Cache-Control": "max-age=60" if "cached" in self.faults else "no-store"}
        told |= {"Upload-Defer-Length": "1"} if upload.length is None else {"Upload-Length": str(upload.length)}
        optional = {"Upload-Metadata": upload.metadata, "Upload-Concat": upload.concat}
        return 200, told | {name: value for name, value in optional.items() if value}

    def patch(self, upload: Upload) -> tuple[int, dict[str, str]]:
        if upload.concat.startswith("final"):
            raise Refused(403)
        offset = self.number("Upload-Offset")
        if offset != upload.offset and "any-offset" not in self.faults:
            raise Refused(409)
        self.append(upload)
        return 204, {"Upload-Offset": str(upload.offset)}

    def append(self, upload: Upload) -> None:
        media_type = (self.headers.get("Content-Type") or "").lower()
        if media_type != "application/offset+octet-stream" and "any-type" not in self.faults:
            raise Refused(415)
        before = upload.length
        if before is None and self.headers.get("Upload-Length") is not None:
            upload.length = self.length()
        try:
            self._append(upload)
        except Refused:
            upload.length = before
            raise

    def _append(self, upload: Upload) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if upload.length is not None and upload.offset + size > upload.length:
            raise Refused(413)
        checksum = self.headers.get("Upload-Checksum")
        if checksum is None:
            body = self.uploads.receive(self.handler, upload, whole="prefix-lost" in self.faults)
        else:
            expected = self.checksum(checksum)
            body = self.uploads.receive(self.handler, upload, whole=True)
            if digest(expected[0], body) != expected[1]:
                if "mismatch-stored" in self.faults:
                    upload.content += body
                raise Refused(460)
        upload.content += body

    def checksum(self, header: str) -> tuple[str, bytes]:
        name, _, value = header.partition(" ")
        if name not in OPTIONS["Tus-Checksum-Algorithm"].split(","):
            raise Refused(400)
        try:
            return name, base64.b64decode(value, validate=True)
        except ValueError:
            raise Refused(400) from None


def digest(name: str, body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "big") if name == "crc32" else hashlib.new(name, body).digest()
