"""All processes' values as one: counters and histograms of every process that ever counted, gauges of the living ones.

What dead processes counted is kept in one file, `absorbed.json`, and their own files are removed (`fold_dead`):

1. Take the lock of the folder; who does not get it leaves the work to who has it.
2. A process is dead when the lock of its keys can be taken: its own lock went with it, however it ended.
3. Add its counters to those absorbed, note its name beside them, and put both in place in one rename.
4. Only then remove its files. Whoever dies between 3 and 4 leaves files whose name is noted: they count no more, and the next one removes them.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from resilience.whole_files import replace_text

from .store import Key

Values = dict[Key, float]

ABSORBED = "absorbed.json"
UNBORN_SECONDS = 3600.0
MOST_ABSORBED = 20_000  # values kept of dead processes; label sets are bounded long before


def merged(folder: Path) -> Values:
    """Return every value, summed (gauges: by their own rule) over processes. Reads only; a folder that is not there holds nothing."""
    if not folder.is_dir():
        return {}
    with suppress(OSError):
        fold_dead(folder)
    for _attempt in range(3):
        before = _version(folder)
        total, absorbed = _read_absorbed(folder)
        for name in _names(folder):
            if name not in absorbed:
                for key, value in _read(folder, name):
                    add(total, key, value)
        if _version(folder) == before:  # nobody folded meanwhile, else a process might be counted twice or not at all
            break
    return total


def fold_dead(folder: Path) -> int:
    """Absorb and remove the files of dead processes. Return of how many."""
    with _only_one(folder) as alone:
        if not alone:
            return 0
        total, noted = _read_absorbed(folder)
        present = set(_names(folder))
        dead = [name for name in present if name not in noted and _is_dead(folder, name)]
        left = noted & present
        if not dead and not noted:
            return 0
        for name in dead:
            for key, value in _read(folder, name):
                if key[0] != "gauge" and (key in total or len(total) < MOST_ABSORBED):
                    add(total, key, value)
        _write_absorbed(folder, total, left | set(dead))
        for name in left | set(dead):
            _remove(folder, name)
        _remove_unborn(folder)
        return len(dead)


def add(total: Values, key: Key, value: float) -> None:
    """Put a value together with what others say of the same key."""
    if key not in total:
        total[key] = value
    elif key[1].endswith("max"):
        total[key] = max(total[key], value)
    elif key[1].endswith("min"):
        total[key] = min(total[key], value)
    else:
        total[key] += value


def _version(folder: Path) -> tuple[int, int]:
    try:
        seen = (folder / ABSORBED).stat()
    except FileNotFoundError:
        return 0, 0
    return seen.st_ino, seen.st_mtime_ns


def _names(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.keys"))


def _read(folder: Path, name: str) -> Iterator[tuple[Key, float]]:
    """Return a process's values; none when its files were removed just now."""
    try:
        lines = (folder / f"{name}.keys").read_bytes().split(b"\n")[:-1]
        stored = (folder / f"{name}.values").read_bytes()
    except FileNotFoundError:
        return
    numbers = array("d")
    numbers.frombytes(stored[: len(stored) // 8 * 8])
    for line, number in zip(lines, numbers, strict=False):
        yield _key(json.loads(line)), number


def _key(parts: list[object]) -> Key:
    kind, merge, metric, sample, labels, text = parts
    assert isinstance(labels, dict)
    return str(kind), str(merge), str(metric), str(sample), tuple((str(name), str(value)) for name, value in labels.items()), str(text)


def _read_absorbed(folder: Path) -> tuple[Values, set[str]]:
    try:
        kept = json.loads((folder / ABSORBED).read_bytes())
        return {_key(parts): float(value) for parts, value in kept["values"]}, set(kept["names"])
    except FileNotFoundError:
        return {}, set()
    except (ValueError, KeyError, TypeError, AssertionError):  # cut short by a power cut, never by a kill: counters begin at zero, as after a restart
        return {}, set()


def _write_absorbed(folder: Path, total: Values, names: Iterable[str]) -> None:
    values = [[[*key[:4], dict(key[4]), key[5]], value] for key, value in total.items()]
    replace_text(folder / ABSORBED, json.dumps({"names": sorted(names), "values": values}))


def _is_dead(folder: Path, name: str) -> bool:
    try:
        number = os.open(folder / f"{name}.keys", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(number)
    return True


def _remove(folder: Path, name: str) -> None:
    """The values first: keys without them are read as nothing."""
    for ending in ("values", "keys"):
        with suppress(FileNotFoundError):
            (folder / f"{name}.{ending}").unlink()


def _remove_unborn(folder: Path) -> None:
    """Remove what processes left that were killed while they made their files."""
    old = time.time() - UNBORN_SECONDS
    for file in [*folder.glob(".*-*"), *folder.glob(".absorbed.*"), *folder.glob("*.values")]:
        with suppress(FileNotFoundError):
            if file.stat().st_mtime < old and not (folder / f"{file.stem}.keys").exists():
                file.unlink()


@contextmanager
def _only_one(folder: Path) -> Iterator[bool]:
    try:
        number = os.open(folder / ".folding", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            try:
                yield True
            finally:
                fcntl.flock(number, fcntl.LOCK_UN)  # closing does not, where another thread forked meanwhile
    finally:
        os.close(number)
