"""Whether what MediaConvert wrote is what was ordered. That it says COMPLETE is no proof; what lies in the bucket is looked at.

The playlist of a rung and the sizes of all its segments cost two requests; its first and its last segment are brought here and decoded.
Pictures are counted in those two, and in the others taken to be as many a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
from django.conf import settings
from django.core.files.storage import default_storage

from processing.engines.base import EngineFailure, Failure, Order, RungOutput, Watch
from processing.engines.local import measure, verify
from processing.ladder import Rung
from processing.storage_s3 import guarded
from processing.store import copy_to, read_text

from . import names


def verified(order: Order, rung: Rung, watch: Watch) -> RungOutput:
    """Look at a rung in the rendition store and describe it.

    Raises:
        EngineFailure: from `verify`, it is not what was ordered. OSError, CircuitOpen: the store failed, or is away: nothing is known of it.
        Stopped: the watch said so.
    """
    path = names.rung_playlist(order.prefix, rung)
    found = _measured(order, path, watch)
    fault = verify.fault_in(found, verify.expected(order.probe, rung), salvage=order.salvage) or _wrong_size(found, rung)
    if fault:
        raise EngineFailure(Failure("verify", rung.name, fault, found.get("duration_s")))
    return RungOutput(
        rung=rung.name, path=path, size=found["size"], duration_s=found["duration_s"], bitrate=found["bitrate"], codecs=found["codecs"],
        width=found["width"], height=found["height"],
    )  # fmt: skip


def poster(order: Order) -> str:
    """Return the best picture that was grabbed, by its name in the store; empty when there is none, which is fine.

    Raises:
        OSError, CircuitOpen: as `verified`.
    """
    if not order.needs_poster:
        return ""
    return next((name for name in names.posters(order.prefix) if default_storage.exists(name)), "")


def _measured(order: Order, path: str, watch: Watch) -> dict[str, Any]:
    """Return what `engines.local.measure` returns of a rung on disk; `fault` is not empty when something is missing or does not decode."""
    try:
        listed, ended = measure.parsed(read_text(path))
    except (FileNotFoundError, ValueError) as missing:
        return {"fault": f"{path.rpartition('/')[2]}: {type(missing).__name__}"}
    folder = path.rpartition("/")[0]
    there = _sizes(folder)
    sizes = [there.get(name, 0) for name, _ in listed]
    if not listed or not ended or not all(sizes):
        return {"fault": f"{len(listed)} segments, {sizes.count(0)} missing or empty, {'ended' if ended else 'not ended'}"}
    watch.check()
    ends = dict.fromkeys([0, len(listed) - 1])
    try:
        looked = [_decoded(order, f"{folder}/{listed[number][0]}", watch) for number in ends]
    except (FileNotFoundError, ValueError, av.FFmpegError) as broken:
        return {"fault": f"an end of it does not decode: {type(broken).__name__}: {broken}"}
    return _summed(listed, sizes, looked, [listed[number][1] for number in ends])


def _summed(listed: list[tuple[str, float]], sizes: list[int], looked: list[dict[str, Any]], seconds: list[float]) -> dict[str, Any]:
    duration = sum(each for _, each in listed)
    share = duration / sum(seconds) if sum(seconds) else 1.0
    rates = [size * 8 / each for size, (_, each) in zip(sizes, listed, strict=True) if each >= 1]
    return {
        "fault": "" if all(look["video"] or look["audio"] for look in looked) else "nothing decodes at an end of it",
        "size": sum(sizes),
        "duration_s": duration,
        "frames": round(share * sum(look["video"] for look in looked)),
        "sounds": sum(look["audio"] for look in looked),
        "bitrate": int(max(rates, default=sum(sizes) * 8 / max(duration, 0.1))),
        "codecs": looked[0]["codecs"],
        "width": looked[0]["width"],
        "height": looked[0]["height"],
    }


def _wrong_size(found: dict[str, Any], rung: Rung) -> str:
    if rung.is_audio or (found["width"], found["height"]) == (rung.width, rung.height):
        return ""
    return f"{found['width']}x{found['height']} instead of {rung.width}x{rung.height}"


def _sizes(folder: str) -> dict[str, int]:
    """Return name and bytes of each file in a folder of the bucket."""
    storage: Any = default_storage
    pages = storage.connection.meta.client.get_paginator("list_objects_v2")
    where = {"Bucket": storage.bucket_name, "Prefix": f"{storage.key(folder)}/"}
    return guarded(lambda: {item["Key"].rpartition("/")[2]: int(item["Size"]) for page in pages.paginate(**where) for item in page.get("Contents", [])})


def _decoded(order: Order, name: str, watch: Watch) -> dict[str, Any]:
    """Bring a segment here, decode all of it, and say what is in it."""
    watch.check()
    folder = Path(settings.WORK_DIR) / order.attempt_id
    folder.mkdir(parents=True, exist_ok=True)
    local = folder / name.rpartition("/")[2]
    try:
        with local.open("wb") as file:
            copy_to(name, file)
        return {**measure.decode(local), **measure.describe(local)}
    finally:
        local.unlink(missing_ok=True)
