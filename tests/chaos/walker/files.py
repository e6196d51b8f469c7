"""The files people send: the same in every life of a round."""

from __future__ import annotations

import random
from pathlib import Path

from django.conf import settings

from tests import media

from .world import World

SIZE, SIZE_IN_PARTS = 200_000, 2_500_000
_PICTURE = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def size() -> int:
    """Return how large a file is, in bytes: in S3 it has parts, and none is smaller than a MiB."""
    return SIZE_IN_PARTS if settings.UPLOAD_STORE == "s3" else SIZE


def clip(world: World) -> Path:
    """A film that becomes two renditions."""
    target = world.folder / "film.mp4"
    if not target.exists():
        made = media.clip(seconds=0.4, width=640, height=480, fps=10, options=_PICTURE)
        media.padded(made, target.with_suffix(".making"), size=size()).rename(target)
    return target


def data(world: World, name: str, count: int = 0) -> Path:
    """Bytes that are no media."""
    target = world.folder / f"{name}.bin"
    target.write_bytes(random.Random(name).randbytes(count or size()))
    return target
