"""What `make demo PROFILE=aws` adds: two things go wrong at MediaConvert, and afterwards the emulator's journal tells what happened."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import requests

# One refused call, which boto3 repeats by itself; and the news that all is done gets lost, which only asking can make good.
FAULTS = [{"fault": "throttle", "operation": "CreateJob", "count": 1}, {"fault": "event_lost", "status": "COMPLETE", "count": 1}]


class Story:
    """What happens at the emulator from now on.

    Args:
        var_dir: of the running system; it says there where its emulator is.
    """

    def __init__(self, var_dir: Path) -> None:
        found = re.search(r"MEDIACONVERT_ENDPOINT_URL=(\S+)", (var_dir / "environment").read_text())
        assert found is not None, f"{var_dir / 'environment'} names no emulator"
        self._url = found[1]
        self._begun = max((entry["n"] for entry in self._journal(0)), default=0)

    def break_things(self) -> None:
        """Let the next job meet them."""
        requests.post(f"{self._url}/_emulator/faults", json=FAULTS, timeout=10).raise_for_status()
        print(
            "At MediaConvert, two things are going to go wrong: a call is refused (too many requests), and the news that the job is done gets lost.", flush=True
        )

    def mend(self) -> None:
        requests.delete(f"{self._url}/_emulator/faults", timeout=10).raise_for_status()

    def tell(self) -> None:
        """Print what the emulator saw, in order."""
        print("\nWhat happened at MediaConvert (its journal)", flush=True)
        for entry in self._journal(self._begun):
            if said := line(entry):
                print(f"  {time.strftime('%H:%M:%S', time.gmtime(entry['at']))}  {said}", flush=True)

    def _journal(self, since: int) -> list[dict[str, Any]]:
        answer = requests.get(f"{self._url}/_emulator/journal", params={"since": since}, timeout=10)
        answer.raise_for_status()
        return list(answer.json())


def line(entry: dict[str, Any]) -> str:
    """Return an entry of the journal in words; empty for what is of no interest here."""
    if entry["kind"] == "request" and entry["operation"] in ("CreateJob", "GetJob", "SearchJobs", "CancelJob"):
        ended = f"refused: {entry['status']} {entry['error']}" if entry.get("error") else "answered"
        return f"{entry['operation']} in {entry['region']}: {ended}{_why(entry)}"
    if entry["kind"] == "job_created":
        return f"Job {entry['job']} begins"
    if entry["kind"] == "job_ended":
        return f"Job {entry['job']} ended: {entry['status']}"
    if entry["kind"] == "event" and entry["status"] != "STATUS_UPDATE":
        return f"News {entry['status']}: {'lost (as arranged)' if 'event_lost' in entry.get('faults', []) else 'sent'}"
    return ""


def _why(entry: dict[str, Any]) -> str:
    if entry.get("status") == 429:
        return " (as arranged); boto3 tries again"
    return ": nobody had told us of the end, so we asked" if entry["operation"] == "GetJob" else ""
