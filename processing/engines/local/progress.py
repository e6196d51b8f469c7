"""ffmpeg's `-progress` blocks, parsed as they arrive. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One block. `out_time_s` is how much of the output exists, in seconds; `frames` how many pictures (0 for sound)."""

    out_time_s: float
    frames: int
    ended: bool


class ProgressParser:
    """Feed it bytes in any pieces; it returns the blocks that became complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._values: dict[str, str] = {}
        self._out_time_s = 0.0

    def feed(self, data: bytes) -> list[Progress]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            name, _, value = line.decode("utf-8", "replace").strip().partition("=")
            self._values[name] = value.strip()
            if name == "progress":
                found.append(self._block(ended=value.strip() == "end"))
                self._values = {}
        return found

    def _block(self, *, ended: bool) -> Progress:
        # `out_time_ms` is in microseconds too, whatever its name says; the first blocks say N/A.
        self._out_time_s = max(self._out_time_s, _number(self._values.get("out_time_us", "")) / 1_000_000)
        return Progress(self._out_time_s, _number(self._values.get("frame", "")), ended)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
