"""What came of one output: its files, how long each plays, and what a playlist must say about them. Read from the files, never from merged progress."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from .command import FILM, INIT, LIST
from .plan import Kind, Output, main_suffix

_EXTENSION = {Kind.TS: ".ts", Kind.AAC: ".aac"}
_TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".ts": "video/mp2t", ".aac": "audio/aac", ".jpg": "image/jpeg",
          ".mp4": "video/mp4", ".cmfv": "video/mp4", ".cmfa": "audio/mp4"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of an output, on our disk or in memory: what follows its output's name, its bytes, and for a segment how long it plays (seconds)."""

    suffix: str
    path: Path | None
    size: int
    seconds: float = 0.0
    data: bytes = b""

    @property
    def content(self) -> bytes | Path:
        return self.data if self.path is None else self.path


@dataclass(frozen=True, slots=True)
class Made:
    """One finished output. Rates in bits per second."""

    output: Output
    pieces: tuple[Piece, ...]
    duration_s: float
    codecs: str = ""

    @property
    def segments(self) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if piece.seconds)

    @property
    def duration_ms(self) -> int:
        return round(self.duration_s * 1000)

    @property
    def average_rate(self) -> int:
        return int(sum(piece.size for piece in self.pieces) * 8 / self.duration_s) if self.duration_s else 0

    @property
    def peak_rate(self) -> int:
        rates = [piece.size * 8 / piece.seconds for piece in self.segments if piece.seconds >= 0.5]
        return max(int(max(rates, default=0)), self.average_rate)

    @property
    def main_suffix(self) -> str:
        """What events give as the output's file: its playlist, its film, its last picture."""
        return self.pieces[-1].suffix if self.output.kind is Kind.FRAMES and self.pieces else main_suffix(self.output)


def content_type(suffix: str) -> str:
    return _TYPES.get(f".{suffix.rpartition('.')[2]}", "application/octet-stream")


def collect(output: Output, folder: Path, *, source_s: float) -> Made:
    """Return what ffmpeg left in a folder for an output.

    Raises:
        OSError, ValueError: there is nothing, or a file that should be there is not.
    """
    if output.kind is Kind.FRAMES:
        return Made(output, _pieces(output, [(path, 0.0) for path in sorted(folder.glob("*.jpg"))]), source_s)
    if output.kind is Kind.MP4:
        return Made(output, _pieces(output, [(folder / FILM, 0.0)]), _film_seconds(folder / FILM))
    listed = [(folder / name, seconds) for name, seconds in _listed(folder / LIST)]
    if output.kind is Kind.AAC and output.sound_header:
        _tell_times(listed)
    init = [(folder / INIT, 0.0)] if output.kind is Kind.CMAF else []
    pieces = _pieces(output, init + listed)
    return Made(output, pieces, sum(seconds for _, seconds in listed), _codecs(output, (init + listed)[0][0]))


def _pieces(output: Output, files: list[tuple[Path, float]]) -> tuple[Piece, ...]:
    if not files:
        raise ValueError("nothing was written")
    named = zip(suffixes(output, len(files)), files, strict=True)
    return tuple(Piece(suffix, path, path.stat().st_size, seconds) for suffix, (path, seconds) in named)


def suffixes(output: Output, count: int) -> list[str]:
    """Return what an output's files are called, after the output's own name: as many as there are, in order."""
    if output.kind is Kind.MP4:
        return [main_suffix(output)]
    if output.kind is Kind.FRAMES:
        return [f".{number:07d}.{output.extension or 'jpg'}" for number in range(count)]
    if output.kind is Kind.CMAF:
        return [f"init.{_cmaf(output)}", *(f"_{number:09d}.{_cmaf(output)}" for number in range(1, count))]
    modifier = (output.hls or {}).get("SegmentModifier", "")
    return [f"{modifier}_{number:05d}{_EXTENSION[output.kind]}" for number in range(1, count + 1)]


def _cmaf(output: Output) -> str:
    return "cmfv" if output.picture is not None else "cmfa"


def _listed(playlist: Path) -> list[tuple[str, float]]:
    found, seconds = [], 0.0
    for line in playlist.read_text().splitlines():
        if line.startswith("#EXTINF:"):
            seconds = float(line[8:].split(",")[0])
        elif line and not line.startswith("#"):
            found.append((line, seconds))
    return found


def _tell_times(segments: list[tuple[Path, float]]) -> None:
    """Put before each segment of packed audio when it begins, as RFC 8216 3.4 asks: an ID3 tag with a PRIV frame, in ticks of 90 kHz."""
    begins = 0.0
    for path, seconds in segments:
        private = b"com.apple.streaming.transportStreamTimestamp\0" + (round(begins * 90_000) % 2**33).to_bytes(8, "big")
        frame = b"PRIV" + len(private).to_bytes(4, "big") + b"\0\0" + private  # below 128 the size is the same in either notation
        path.write_bytes(b"ID3\x04\0\0" + len(frame).to_bytes(4, "big") + frame + path.read_bytes())
        begins += seconds


def _film_seconds(path: Path) -> float:
    """Return what the movie header (ISO/IEC 14496-12, 8.2.2) of a file says."""
    with path.open("rb") as file:
        at, size = 0, path.stat().st_size
        while at + 8 <= size:
            file.seek(at)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            length, skip = (int.from_bytes(header[8:16], "big"), 16) if length == 1 else (length or size - at, 8)
            if header[4:8] == b"moov":
                file.seek(at + skip)
                body = file.read(256)
                start = body.index(b"mvhd") + 4
                long = body[start] == 1
                scale = int.from_bytes(body[start + (20 if long else 12) :][:4], "big")
                return int.from_bytes(body[start + (24 if long else 16) :][: 8 if long else 4], "big") / max(1, scale)
            at += length
    raise ValueError("the film has no index")


def _codecs(output: Output, head: Path) -> str:
    """Return the codecs as RFC 6381 writes them: profile and level out of the first sequence parameter set, or the decoder configuration."""
    found = []
    if output.picture is not None:
        data = head.read_bytes()[:200_000]
        marked = re.search(rb"\x00\x00\x01[\x67\x27](...)", data, re.DOTALL) if output.kind is Kind.TS else re.search(rb"avcC\x01(...)", data, re.DOTALL)
        if marked is None:
            raise ValueError("the first segment has no parameter set")
        found.append(f"avc1.{marked[1].hex()}")
    return ",".join([*found, "mp4a.40.2"] if output.sound is not None else found)


def target_seconds(made: Made, *, legacy: bool) -> int:
    """Return EXT-X-TARGETDURATION: rounded up, or as RFC 8216 4.3.3.1 has it."""
    longest = max(piece.seconds for piece in made.segments)
    return max(1, math.ceil(longest) if legacy else int(longest + 0.5))
