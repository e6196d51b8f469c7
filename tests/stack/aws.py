"""A whole Holdfast as on AWS, for a test: `make up-aws`, over a PostgreSQL, a VAR_DIR and ports of its own."""

from __future__ import annotations

import shlex
from typing import Any

import psycopg
import requests

from tests.stack.system import System


class AwsSystem(System):
    """Uploads in S3, conversions at the emulator, renditions in S3; all of it ends with the block."""

    def __init__(self, **environment: str) -> None:
        super().__init__(PROFILE="aws", **environment)

    @property
    def settings(self) -> dict[str, str]:
        """What the launcher wrote down for other terminals."""
        lines = (self.var_dir / "environment").read_text().splitlines()
        return dict(shlex.split(line)[1].split("=", 1) for line in lines if line.startswith("export "))

    @property
    def emulator(self) -> str:
        return self.settings["MEDIACONVERT_ENDPOINT_URL"]

    def command(self, *arguments: str) -> str:
        self.process_environment |= self.settings  # the launcher has long been given its own
        return super().command(*arguments)

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[call-overload]

    def faults(self, *rules: dict[str, Any]) -> None:
        requests.post(f"{self.emulator}/_emulator/faults", json=list(rules), timeout=60).raise_for_status()

    def no_faults(self) -> None:
        requests.delete(f"{self.emulator}/_emulator/faults", timeout=60).raise_for_status()

    def journal(self, kind: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.emulator}/_emulator/journal", timeout=60)
        answer.raise_for_status()
        return [entry for entry in answer.json() if entry["kind"] == kind]

    def logs(self) -> str:
        more = [self.var_dir / "log" / f"{name}.log" for name in ("events", "mediaconvert")]
        return "\n".join([super().logs(), *(f"--- {part.name}\n{part.read_text()[-3000:]}" for part in more if part.exists())])
