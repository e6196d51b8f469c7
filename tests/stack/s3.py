"""A bucket for whole systems, behind a line that can be slow and can be cut, with the rules we ship for browsers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.s3 import FakeS3, running
from tests.stack.line import Line

CORS = Path(__file__).parent.parent.parent / "deploy" / "s3" / "cors.json"


@dataclass(frozen=True)
class Bucket:
    """`line` is how server and browser reach it, `s3` the way past the line."""

    line: Line
    s3: FakeS3

    def settings(self) -> dict[str, str]:
        return self.s3.environment | {"S3_ENDPOINT_URL": self.line.url}

    def let_pages_put(self, origin: str) -> None:
        """Apply the rules we ship, for this origin instead of the example's."""
        rules = json.loads(CORS.read_text())
        for rule in rules["CORSRules"]:
            rule["AllowedOrigins"] = [origin]
        self.s3.client.put_bucket_cors(Bucket=self.s3.bucket, CORSConfiguration=rules)

    def parts(self) -> int:
        """How many parts there are of all that is being uploaded."""
        ask = self.s3.client
        uploads = ask.list_multipart_uploads(Bucket=self.s3.bucket).get("Uploads", [])
        return sum(len(ask.list_parts(Bucket=self.s3.bucket, Key=one["Key"], UploadId=one["UploadId"]).get("Parts", [])) for one in uploads)


@contextmanager
def bucket() -> Iterator[Bucket]:
    with running() as s3, Line(int(urlsplit(s3.url).port or 80)) as line:
        yield Bucket(line, s3)
