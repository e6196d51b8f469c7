"""Repeat a round by hand: `WALK=video DIE=17 .venv/bin/python -m tests.chaos.walker`.

DIE is the number of a pass or the name of a point; with slashes between them, one for each life; `all` takes one pass after the other; without it
the walk is only surveyed. STORE=s3 keeps uploads in an S3; STORE=elsewhere has films converted by an emulator of MediaConvert, too.
KEEP=1 keeps the folder of a round, with the ledger and what the lives logged.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.embedded import EmbeddedPostgres
from tests.emulator import RENDITIONS, running_emulator
from tests.s3 import running

from .rounds import Round, elsewhere_settings, s3_settings, walker


def main() -> int:
    walk, deaths = os.environ.get("WALK", "video"), [part for part in os.environ.get("DIE", "").split("/") if part]
    with tempfile.TemporaryDirectory(prefix="holdfast-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        try:
            with _store(os.environ.get("STORE", "")) as store, walker(server.url, **store) as made:
                if deaths == ["all"]:
                    return max(_told(done) for done in made.all(walk))
                done = made.round(walk, *([f"die@{death}" for death in deaths] or [""]))
                print(*(f"{number:4} {name}" for number, name in enumerate(done.passed, 1)), sep="\n")
                return _told(done)
        finally:
            server.delete()


@contextmanager
def _store(name: str) -> Iterator[dict[str, str]]:
    """Run what a store needs, and give the settings with which lives use it."""
    with ExitStack() as running_now:
        if not name:
            yield {}
            return
        s3 = running_now.enter_context(running(S3_UPLOAD_PART_MIN_SIZE="1024"))
        if name == "elsewhere":
            s3.client.create_bucket(Bucket=RENDITIONS)
            yield elsewhere_settings(running_now.enter_context(running_emulator(s3)))
        else:
            yield s3_settings(s3)


def _told(done: Round) -> int:
    print(done, flush=True)
    return 1 if done.broken else 0


if __name__ == "__main__":
    sys.exit(main())
