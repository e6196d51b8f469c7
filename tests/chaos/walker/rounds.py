"""Rounds of the walker, as tests use them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from resilience.faults import DEATH
from tests.emulator import RENDITIONS, ROLE, FakeMediaConvert
from tests.points import ROOT
from tests.s3 import FakeS3

from .ends import LIVED

REGION = "eu-west-1"  # of the engine elsewhere
MOST_PASSES = int(os.environ.get("WALKER_PASSES", "1"))  # of one point in one walk, and the last: what lies between is the same again


@dataclass(frozen=True)
class Round:
    """How one round went.

    Args:
        passed: the points its mortal lives passed, in order; the last is where it died.
        broken: promises that were not kept, in words; empty when all is well.
    """

    walk: str
    store: str
    plans: tuple[str, ...]
    died: bool
    passed: tuple[str, ...]
    broken: tuple[str, ...]

    def __str__(self) -> str:
        where = f"died at {self.passed[-1]}" if self.died and self.passed else "did not die"
        repeat = f"{self.store}WALK={self.walk} DIE={'/'.join(plan.removeprefix('die@') for plan in self.plans)} .venv/bin/python -m tests.chaos.walker"
        return "\n".join([f"{self.walk}, {', '.join(self.plans)}: {where}. Repeat: {repeat}", *(f"  {fault}" for fault in self.broken)])


@dataclass
class Walker:
    """`with walker() as walker: walker.round("video", "die@7")`.

    Args:
        settings: environment variables of every life, as the settings read them.
    """

    admin_url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    _helper: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self._database = f"walk_{uuid.uuid4().hex[:12]}"
        self._empty: list[str] = []

    def start(self) -> None:
        self._sql(f'CREATE DATABASE "{self._database}"')
        own = {"DATABASE_URL": self._url(self._database), "VAR_DIR": str(self.folder / "var"), "LOG_LEVEL": "WARNING", "RATE_LIMITS": "no"}
        own |= {"PYTHONWARNINGS": "default"}
        environment = os.environ | own | self.settings
        with (self.folder / "helper.log").open("w") as log:
            self._helper = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.walker.helper"],
                cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        if self._heard() != "ready":
            raise AssertionError((self.folder / "helper.log").read_text())
        self._empty = self._empty_tables()

    def stop(self) -> None:
        if self._helper is not None:
            self._helper.kill()
            self._helper.wait()
            assert self._helper.stdin is not None
            assert self._helper.stdout is not None
            self._helper.stdin.close()
            self._helper.stdout.close()
        self._sql(f'DROP DATABASE IF EXISTS "{self._database}" WITH (FORCE)')

    def round(self, walk: str, *plans: str) -> Round:
        """Live and die once for each plan, then recover and judge. A plan that does not let it die ends the mortal part."""
        folder = Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{walk}-"))
        order = {"walk": walk, "folder": str(folder), "forget": self._empty}
        try:
            ends = []
            for plan in plans:
                ends.append(self._live(order | {"plan": plan}))
                order["forget"] = []
                if ends[-1] != DEATH:
                    break
            broken = [] if ends[-1] in (DEATH, LIVED) else [f"a mortal life ended with {ends[-1]}", *_report(folder)]
            judged = self._live(order | {"plan": None})
            if judged != LIVED:
                broken += [f"the last life ended with {judged}", *_report(folder)]
            passed = tuple((folder / "passed").read_text().split()) if (folder / "passed").exists() else ()
            return Round(walk, self._store(), plans, ends[-1] == DEATH, passed, tuple(broken))
        finally:
            if not os.environ.get("KEEP"):
                shutil.rmtree(folder)

    def all(self, walk: str, *, most: int = MOST_PASSES) -> Iterator[Round]:
        """Walk without a death, then die at one pass after the other; at the first `most` of each point, and the last."""
        surveyed = self.round(walk, "")
        yield surveyed
        for number in _worth_dying(surveyed.passed, most):
            yield self.round(walk, f"die@{number}")

    def _store(self) -> str:
        if "ENGINES" in self.settings:
            return "STORE=elsewhere "
        return "STORE=s3 " if self.settings.get("UPLOAD_STORE") == "s3" else ""

    def _live(self, order: dict[str, Any]) -> int:
        assert self._helper is not None
        assert self._helper.stdin is not None
        self._helper.stdin.write(json.dumps(order) + "\n")
        self._helper.stdin.flush()
        return int(self._heard())

    def _heard(self) -> str:
        assert self._helper is not None
        assert self._helper.stdout is not None
        return self._helper.stdout.readline().strip()

    def _sql(self, statement: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement)

    def _empty_tables(self) -> list[str]:
        with psycopg.connect(self._url(self._database), autocommit=True) as connection:
            tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()]
            return [name for name in tables if connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone() is None]

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))


def _worth_dying(passed: Sequence[str], most: int) -> list[int]:
    """Return the numbers of passes, from 1: reapers pass the same points many times over."""
    places: dict[str, list[int]] = {}
    for number, name in enumerate(passed, 1):
        places.setdefault(name, []).append(number)
    return sorted({number for numbers in places.values() for number in (*numbers[:most], numbers[-1])})


def s3_settings(fake: FakeS3) -> dict[str, str]:
    """Settings with which lives keep uploads in this S3, in parts so small that a little file has some."""
    return fake.environment | {"DJANGO_SETTINGS_MODULE": "tests.chaos.walker.small_parts"}


def elsewhere_settings(fake: FakeMediaConvert) -> dict[str, str]:
    """Settings with which lives keep uploads in the S3 beside this MediaConvert, and have their films converted there."""
    store = s3_settings(fake.s3) | {"RENDITION_STORE": "s3", "RENDITION_BUCKET": RENDITIONS, "RENDITION_PREFIX": "renditions/"}
    return store | {"ENGINES": f"mediaconvert:{REGION}", "MEDIACONVERT_ROLE_ARN": ROLE, "MEDIACONVERT_ENDPOINT_URL": fake.url}


def _report(folder: Path) -> list[str]:
    report, output = folder / "report", folder / "output"
    found = [str(one) for one in json.loads(report.read_text())] if report.exists() else []
    tail = output.read_text(errors="replace").splitlines()[-6:] if output.exists() else []
    report.unlink(missing_ok=True)
    return [*found, *(f"| {line[:400]}" for line in tail)]


@contextmanager
def walker(admin_url: str, **settings: str) -> Iterator[Walker]:
    with tempfile.TemporaryDirectory(prefix="holdfast-walker-") as folder:
        made = Walker(admin_url, Path(folder), settings)
        try:
            made.start()
            yield made
        finally:
            made.stop()
