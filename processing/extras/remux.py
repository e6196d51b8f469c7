"""From a rendition in the store to one local file, and what ffmpeg is asked to make of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from processing import store
from processing.engines.base import RAW_LIMIT, EngineFailure, Failure, Stopped, Watch
from processing.engines.local import process
from processing.playlist import names_in
from resilience.tasks import TaskContext

LIMIT_S = 3600.0


class TaskWatch:
    """Says stop once the task's lease is lost."""

    def __init__(self, context: TaskContext) -> None:
        self._context = context

    def check(self) -> None:
        if self._context.lease_lost():
            raise Stopped("the lease is lost")


@contextmanager
def workplace(key: str) -> Iterator[Path]:
    """Give an empty folder that is gone afterwards; so are those that earlier runs of the same work left here when they died."""
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    for left in settings.WORK_DIR.glob(f"{store.FOLDER_MARK}{key}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=settings.WORK_DIR, prefix=f"{store.FOLDER_MARK}{key}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def joined(playlist: str, folder: Path, watch: Watch) -> Path:
    """Bring a rendition's segments here, one after the other in one file: MPEG-TS, or MP4 in fragments behind its initialisation.

    Args:
        playlist: its name in the store.

    Raises:
        FileNotFoundError: something of it is not there. CircuitOpen: the store is away. Stopped: the watch said so.
    """
    target = folder / "joined"
    with target.open("wb") as out:
        for name in names_in(store.read_text(playlist), folder=playlist.rpartition("/")[0]):
            watch.check()
            store.copy_to(name, out)
    return target


def run(line: Sequence[str], watch: Watch) -> None:
    """Run ffmpeg to its end.

    Raises:
        EngineFailure: it did not do it. Stopped: the watch said so.
    """
    for news in process.run(line, watch, limit_s=LIMIT_S):
        if isinstance(news, process.Finished) and news.code != 0:
            raise EngineFailure(Failure("ffmpeg", "killed" if news.code < 0 else str(news.code), news.tail[:RAW_LIMIT]))


def film_command(ffmpeg: str, *, source: Path, target: Path) -> list[str]:
    """Return the command that puts what is there into one MP4 (M4A where there is no picture), its index first. Nothing is encoded again."""
    return [*_begin(ffmpeg), "-i", f"file:{source}", "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-map_metadata", "-1",
            "-movflags", "+faststart", "-f", "mp4", str(target)]  # fmt: skip


def sprite_command(ffmpeg: str, *, source: Path, target: Path, every_s: float, size: tuple[int, int], grid: tuple[int, int]) -> list[str]:
    """Return the command that puts small pictures into one, a row after the other: one for every so many seconds, out of keyframes alone."""
    filters = f"fps=1/{every_s:g}:start_time=0:eof_action=pass,scale={size[0]}:{size[1]}:flags=area,format=yuvj420p,tile={grid[0]}x{grid[1]}"
    return [*_begin(ffmpeg), "-skip_frame", "nokey", "-threads", "1", "-i", f"file:{source}", "-map", "0:v:0", "-an", "-vf", filters,
            "-frames:v", "1", "-q:v", "5", "-map_metadata", "-1", "-f", "image2", "-update", "1", str(target)]  # fmt: skip


def sound_command(ffmpeg: str, *, source: Path, target: Path) -> list[str]:
    """Return the command that leaves of a rendition what a listener needs: one channel, 16,000 samples a second, 4 kB for each second."""
    return [*_begin(ffmpeg), "-i", f"file:{source}", "-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1", "-ar", "16000", "-c:a", "aac", "-b:a", "32k",
            "-map_metadata", "-1", "-movflags", "+faststart", "-f", "mp4", str(target)]  # fmt: skip


def piece_command(ffmpeg: str, *, source: Path, target: Path, start_s: float, length_s: float) -> list[str]:
    """Return the command that cuts a piece out of a sound file, times in seconds; a piece behind its end has nothing in it."""
    return [*_begin(ffmpeg), "-ss", f"{start_s:g}", "-i", f"file:{source}", "-t", f"{length_s:g}", "-map", "0:a:0", "-c", "copy",
            "-movflags", "+faststart", "-f", "mp4", str(target)]  # fmt: skip


def _begin(ffmpeg: str) -> list[str]:
    return [ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-y", "-v", "level+error", "-progress", "pipe:1", "-stats_period", "1",
            "-protocol_whitelist", "file", "-format_whitelist", "mpegts,mov,mp4,m4a"]  # fmt: skip
