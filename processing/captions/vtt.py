"""WebVTT, in and out. Pure: what a service says becomes plain text with times, and nothing else of it is passed on."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from processing.captions.base import Cue
from processing.extras.sheet import moment

_TIMES = re.compile(r"((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})\s+-->\s+((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})")
_TAG = re.compile(r"<[^>]*>")
SHORTEST_SECONDS = 0.2
# OpenAI's whisper names languages in English.
_NAMES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt", "dutch": "nl", "polish": "pl",
    "russian": "ru", "ukrainian": "uk", "czech": "cs", "slovak": "sk", "hungarian": "hu", "romanian": "ro", "bulgarian": "bg", "croatian": "hr",
    "serbian": "sr", "slovenian": "sl", "greek": "el", "turkish": "tr", "swedish": "sv", "norwegian": "no", "danish": "da", "finnish": "fi",
    "estonian": "et", "latvian": "lv", "lithuanian": "lt", "arabic": "ar", "hebrew": "he", "persian": "fa", "hindi": "hi", "chinese": "zh",
    "japanese": "ja", "korean": "ko", "vietnamese": "vi", "thai": "th", "indonesian": "id", "catalan": "ca", "welsh": "cy",
}  # fmt: skip


def as_vtt(cues: Sequence[Cue]) -> str:
    """Return a WebVTT file. Cues without words are left out, one that ends before it begins is shown for a moment."""
    lines = ["WEBVTT", ""]
    for cue in sorted(cues, key=lambda one: one.start):
        words = html.escape(" ".join(cue.text.split()), quote=False)
        if words:
            start = max(0.0, cue.start)
            lines += [f"{moment(start)} --> {moment(max(cue.end, start + SHORTEST_SECONDS))}", words, ""]
    return "\n".join(lines)


def cues_in(text: str) -> list[Cue]:
    """Return what a WebVTT (or SRT) file says; styles, notes, tags and whatever else is in it are left out."""
    cues = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        found = _TIMES.search(block)
        if found:
            said = html.unescape(_TAG.sub("", block[found.end() :].partition("\n")[2]))
            cues.append(Cue(_seconds(found[1]), _seconds(found[2]), " ".join(said.split())))
    return cues


def language_tag(said: str) -> str:
    """Return a language as BCP 47 writes it; empty for what is none."""
    if said.lower() in _NAMES:
        return _NAMES[said.lower()]
    return said if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", said) and len(said) <= 20 else ""


def _seconds(moment: str) -> float:
    whole = 0.0
    for part in moment.replace(",", ".").split(":"):
        whole = whole * 60 + float(part)
    return whole
