"""What a published file is, by its name's ending. Nothing with another ending is ever handed out."""

from __future__ import annotations

CONTENT_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "ts": "video/mp2t",
    "m4s": "video/mp4",
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "jpg": "image/jpeg",
    "vtt": "text/vtt; charset=utf-8",
}
PLAYLIST = "m3u8"
UNKNOWN = "application/octet-stream"


def suffix(name: str) -> str:
    return name.rpartition(".")[2]


def content_type(name: str) -> str:
    return CONTENT_TYPES.get(suffix(name), UNKNOWN)
