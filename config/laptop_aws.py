"""What `make up-aws` adds to `make up`: an Amazon of this machine's own, the MediaConvert emulator beside it, and who takes in its news.

S3 and the queues are in memory. So an installation of this profile begins anew each time: a database that remembers videos whose files are
gone would be worse than none. It has a folder of its own (VAR_DIR/aws by the Makefile), and the first login keeps its password.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

from config import env
from config.amazon import ACCOUNT, DEAD_EVENTS, EVENTS, FIRST, KEYS, RENDITIONS, ROLE, SECOND, SOURCES
from config.service import Service

MARK = "begun-by-up-aws"
ANSWER_SECONDS = 120
ENGINES = f"mediaconvert:{FIRST},mediaconvert:{SECOND},local"
_NOT_OURS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS")  # a person's own


class SomebodyElses(Exception):
    """VAR_DIR holds an installation that is not of this profile."""


class LaptopAws:
    """Addresses, settings and processes of one start.

    Args:
        var_dir: the installation's folder.
        base_url: where its pages are.
    """

    def __init__(self, var_dir: Path, base_url: str) -> None:
        self.var_dir = var_dir
        self.base_url = base_url
        self.amazon = f"http://127.0.0.1:{_free_port()}"
        self.converter = f"http://127.0.0.1:{_free_port()}"

    def begin_anew(self) -> bool:
        """Forget the installation of the last start, whose files are gone. Return True when there was one.

        Raises:
            SomebodyElses: the folder holds an installation of `make up`, which keeps its files: nothing of it is touched.
        """
        database, mark = self.var_dir / "postgres", self.var_dir / MARK
        if database.exists() and not mark.exists():
            raise SomebodyElses(f"{self.var_dir} belongs to `make up`. Give this a folder of its own: make up-aws VAR_DIR=…")
        mark.touch()
        known = database.exists()
        for name in ("postgres", "work", "mail", "emulator"):
            shutil.rmtree(self.var_dir / name, ignore_errors=True)
        return known

    def settings(self) -> dict[str, str]:
        """Return the environment of every process of this installation; who set one of ENGINES, S3_PART_SIZE or the like, keeps it."""
        queue, dead = (f"{self.amazon}/{ACCOUNT}/{name}" for name in (EVENTS, DEAD_EVENTS))
        chosen = {"ENGINES": ENGINES, "MEDIACONVERT_STATUS_SECONDS": "10", "ENVIRONMENT": "laptop"}
        regions = len([name for name in env.text("ENGINES", ENGINES).split(",") if name.strip().startswith("mediaconvert:")])
        return KEYS | {name: env.text(name, value) for name, value in chosen.items()} | {
            "PROFILE": "embedded",
            "AWS_ENDPOINT_URL": self.amazon,
            "UPLOAD_STORE": "s3",
            "S3_BUCKET": SOURCES,
            "S3_REGION": FIRST,
            "S3_ENDPOINT_URL": self.amazon,
            "RENDITION_STORE": "s3",
            "RENDITION_BUCKET": RENDITIONS,
            "MEDIACONVERT_ENDPOINT_URL": self.converter,
            "MEDIACONVERT_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
            "MEDIACONVERT_EVENTS_QUEUE_URL": ",".join([queue] * regions),
            "MEDIACONVERT_EVENTS_DLQ_URL": ",".join([dead] * regions),
        }  # fmt: skip

    def take_effect(self) -> None:
        """Give these settings to every process started from here on, and write them down for commands in another terminal."""
        for name in _NOT_OURS:
            os.environ.pop(name, None)
        chosen = self.settings()
        os.environ.update(chosen)
        lines = [f"export {name}={shlex.quote(value)}" for name, value in (chosen | {"VAR_DIR": str(self.var_dir), "BASE_URL": self.base_url}).items()]
        (self.var_dir / "environment").write_text("\n".join(["# of this start only; unset AWS_PROFILE", *lines, ""]))

    def below(self) -> list[Service]:
        """What the product stands on, in the order of starting."""
        port, emulator_port = self.amazon.rpartition(":")[2], self.converter.rpartition(":")[2]
        amazon = [sys.executable, "-m", "config.amazon", port, self.base_url, self.settings()["ENVIRONMENT"]]
        queue = f"{self.amazon}/{ACCOUNT}/{EVENTS}"
        options = ["--port", emulator_port, "--mode", env.choice("EMULATOR_MODE", "real", ("real", "fast")), "--account", ACCOUNT]
        options += ["--seed", str(env.integer("EMULATOR_SEED", 0))]
        options += ["--s3-endpoint", self.amazon, "--sqs-endpoint", self.amazon, "--queue-url", queue, "--state-dir", str(self.var_dir / "emulator")]
        emulator = [sys.executable, "manage.py", "mediaconvert_emulator", *options]
        return [self._service("amazon", amazon), self._service("mediaconvert", emulator)]

    def beside(self) -> list[Service]:
        """What runs beside web and worker."""
        return [self._service("events", [sys.executable, "manage.py", "consume_events"], HOLDFAST_ROLE="worker")]

    def answers(self) -> bool:
        """Whether everything below is there: the bucket that is made last, and the emulator."""
        return _is_there(f"{self.amazon}/{RENDITIONS}?location") and _is_there(f"{self.converter}/_emulator/health")

    def greeting(self) -> list[str]:
        return [
            f"  Amazon:      {self.amazon} (moto: S3, SQS, EventBridge)     MediaConvert: {self.converter} (the emulator; it transcodes)",
            f"  Commands:    . {shlex.quote(str(self.var_dir / 'environment'))} && {sys.executable} manage.py doctor --aws",
            "  Stopping it ends all of it: videos and accounts of this profile are gone then. `make up` keeps what you upload.",
        ]

    def _service(self, name: str, command: list[str], **environment: str) -> Service:
        return Service(name, command, environment, self.var_dir / "log" / f"{name}.log", self.var_dir / "run" / f"{name}.pid")


def _is_there(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
