"""From the last byte of a broken file to its refusal, for each kind of broken, over HTTP. Goal: under 300 ms. BENCH_SCALE 1.0 is 10 of each."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import tests.embedded_postgres as private
from tests import media
from tests.stack.client import Upload
from tests.stack.system import System

GOAL_MS = 300.0
REFUSED = "SELECT 1 FROM uploads_uploadsession s JOIN uploads_video v ON v.id = s.video_id WHERE v.public_id = %s AND s.state = 'rejected'"
PATIENCE_SECONDS = 60.0


def broken(folder: Path) -> dict[str, Path]:
    """Return one file of each kind, by what is wrong with it."""
    whole, early = media.clip(seconds=3), media.clip(seconds=3, faststart=True)
    made = {
        "cut short, index at the end": media.cut(whole, folder / "cut.mp4", share=0.6),
        "cut short, index in front": media.cut(early, folder / "cut-early.mp4", share=0.6),
        "a picture": media.picture(folder / "picture.mp4"),
        "text": folder / "text.mp4",
        "noise": folder / "noise.mp4",
        "zeros": folder / "zeros.mp4",
    }
    made["text"].write_text("<!doctype html><title>No film</title>" * 2000)
    made["noise"].write_bytes(os.urandom(2 * 2**20))
    made["zeros"].write_bytes(bytes(2 * 2**20))
    return made


def refusal(system: System, path: Path) -> float:
    """Send a file; return milliseconds from the end of sending to its refusal. One that is refused with its first bytes takes none."""
    upload = Upload(system.url, system.token, path)
    if upload.create().status_code != 201:
        return 0.0
    try:
        upload.send(seconds=PATIENCE_SECONDS)
    except Exception as early:  # refused while it was sent
        if getattr(getattr(early, "response", None), "status_code", 0) not in (410, 415, 422):
            raise
        return 0.0
    begun = time.perf_counter()
    while not system.query(REFUSED, upload.video):
        if time.perf_counter() - begun > PATIENCE_SECONDS:
            raise SystemExit(f"{path.name} was not refused within {PATIENCE_SECONDS:.0f} s: {system.video(upload.video)['state']}")
        time.sleep(0.002)
    return 1000 * (time.perf_counter() - begun)


def main(scale: float) -> None:
    with tempfile.TemporaryDirectory() as folder, System(LOG_LEVEL="WARNING") as system:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for what, path in broken(Path(folder)).items():
            times = sorted(refusal(system, path) for _ in range(max(2, round(10 * scale))))
            if times[-1] == 0:
                print(f"  {what:<28} refused while it was sent")
            else:
                print(f"  {what:<28} median {statistics.median(times):6.0f} ms   slowest {times[-1]:6.0f} ms   (goal < {GOAL_MS:.0f} ms)")


if __name__ == "__main__":
    try:
        main(float(os.environ.get("BENCH_SCALE", "1")))
    finally:
        private.remove()
