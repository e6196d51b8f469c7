"""Names people give to files, made fit to show. They are display text only, never a path."""

from __future__ import annotations

import re
import unicodedata

NAME_LENGTH = 255
TITLE_LENGTH = 200
UNTITLED = "Untitled"
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_UNSEEN = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_file_name(raw: str) -> str:
    """Return the last part of a name without control characters and direction overrides, at most 255 characters, its ending kept."""
    last = re.split(r"[/\\]", raw)[-1]
    name = _visible(last)
    if len(name) <= NAME_LENGTH:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        return name[:NAME_LENGTH]
    return f"{stem[: NAME_LENGTH - len(ending) - 1]}.{ending}"


def clean_title(raw: str) -> str:
    return _visible(raw)[:TITLE_LENGTH].strip()


def title_of(file_name: str) -> str:
    """Return what to call the video of a file until somebody gives it a name."""
    return clean_title(file_name) or UNTITLED


def extension(file_name: str) -> str:
    """Return the ending in lower case without its dot; empty when there is none."""
    stem, dot, ending = file_name.rpartition(".")
    return ending.lower() if dot and stem and re.fullmatch(r"[A-Za-z0-9]{1,10}", ending) else ""


def _visible(text: str) -> str:
    kept = "".join(character if unicodedata.category(character) not in _UNSEEN else " " for character in _BIDI.sub("", text))
    return " ".join(unicodedata.normalize("NFC", kept).split())
