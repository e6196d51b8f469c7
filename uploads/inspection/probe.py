"""Run the probe in a child process and read its answer; whatever happens to the child, this returns or raises within the time given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

PROBE_SECONDS = 10.0
_MOST_OUTPUT = 256 * 2**10


class ProbeKilled(Exception):
    """The child took too long or died: hostile input, or a machine with too much to do."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file holds. `error` is "" or unreadable, no_tracks, unknown_format; `details` has the shape of `session.probe`.

    `decoded`: its first frame decodes. `late`: one near the end does too.
    """

    error: str
    details: dict[str, Any]
    decoded: bool
    late: bool


def probe(path: Path, *, seconds: float = PROBE_SECONDS) -> Probe:
    """Examine a file.

    Raises:
        ProbeKilled: no answer in time, or the child died.
    """
    command = [sys.executable, "-m", "uploads.inspection.probe_child", str(path)]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(settings.BASE_DIR), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, env=environment, cwd=path.parent, start_new_session=True, check=False
        )
    except subprocess.TimeoutExpired:
        raise ProbeKilled(f"no answer within {seconds:g} s") from None
    if done.returncode != 0 or not done.stdout or len(done.stdout) > _MOST_OUTPUT:
        raise ProbeKilled(f"ended with {done.returncode}: {done.stderr[-300:].decode(errors='replace')}")
    answer = json.loads(done.stdout)
    error = str(answer.pop("error", ""))
    return Probe(error=error, decoded=bool(answer.pop("decoded", False)), late=bool(answer.pop("late", False)), details=answer)
