"""Where the small pictures of a film lie on their sheet, and the WebVTT that says so. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST = 100
COLUMNS = 10
LONG_SIDE = 160  # pixels of one picture
STEP_SECONDS = 2  # between keyframes
SPRITE = "thumbnails.jpg"
LIST = "thumbnails.vtt"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A grid of `count` pictures, one for every `every_s` seconds. Sizes in pixels."""

    every_s: int
    count: int
    width: int
    height: int

    @property
    def grid(self) -> tuple[int, int]:
        columns = min(COLUMNS, self.count)
        return columns, math.ceil(self.count / columns)


def sheet_for(*, duration_s: float, width: int, height: int) -> Sheet:
    """Return the sheet of a film of this length and shape: a hundred pictures at most."""
    every = max(STEP_SECONDS, STEP_SECONDS * math.ceil(duration_s / MOST / STEP_SECONDS))
    scale = LONG_SIDE / max(width, height)
    return Sheet(every, max(1, math.ceil(duration_s / every)), _even(width * scale), _even(height * scale))


def as_vtt(sheet: Sheet, *, duration_s: float) -> str:
    """Return the list of pictures, each by the part of the sheet it is (`#xywh=`), as players know it."""
    lines = ["WEBVTT", ""]
    for number in range(sheet.count):
        row, column = divmod(number, sheet.grid[0])
        ends = duration_s if number + 1 == sheet.count else (number + 1) * sheet.every_s
        lines += [
            f"{moment(number * sheet.every_s)} --> {moment(max(ends, number * sheet.every_s + 0.001))}",
            f"{SPRITE}#xywh={column * sheet.width},{row * sheet.height},{sheet.width},{sheet.height}",
            "",
        ]
    return "\n".join(lines)


def moment(seconds: float) -> str:
    """Return a moment as WebVTT writes it: 01:02:03.456."""
    thousandths = round(max(0.0, seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)
