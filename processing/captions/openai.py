"""Any service that speaks OpenAI's `/v1/audio/transcriptions`: theirs, or one's own with a model on one's own machine."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from django.conf import settings

from processing.captions.base import Cue, Heard, Work, guarded
from processing.captions.errors import CaptionsAway, CaptionsRefused
from processing.captions.vtt import language_tag
from processing.engines.local.engine import find_ffmpeg
from processing.extras import remux

CONNECT_SECONDS = 5.0
PIECE_SECONDS = 1200.0  # five megabytes: services take 25
LONGEST_ANSWER = 16 * 2**20
_AGAIN = frozenset({408, 409, 425, 429})


class OpenAiEngine:
    """Implements `CaptionEngine`. It answers at once, and keeps nothing."""

    def listen(self, work: Work) -> Heard:
        """Send the sound piece by piece; each is small enough for the service, and times go on from piece to piece."""
        sound, cues, language = work.sound(), list[Cue](), ""
        for number in range(max(1, math.ceil(work.seconds / PIECE_SECONDS))):
            work.check()
            piece = _piece(sound, number, work)
            answer = guarded(partial(_ask, piece.read_bytes()))
            cues += _cues(answer, number * PIECE_SECONDS)
            language = language or language_tag(str(answer.get("language") or ""))
        return Heard(tuple(cues), settings.CAPTIONS_LANGUAGE or language)

    def forget(self, name: str) -> None:
        """There is nothing to forget."""


def _piece(sound: Path, number: int, work: Work) -> Path:
    target = sound.with_name(f"piece-{number}.m4a")
    line = remux.piece_command(find_ffmpeg(), source=sound, target=target, start_s=number * PIECE_SECONDS, length_s=PIECE_SECONDS)
    remux.run(line, work)
    return target


def _ask(data: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {"file": ("sound.m4a", data, "audio/mp4"), "model": settings.CAPTIONS_MODEL, "response_format": "verbose_json"}
    if settings.CAPTIONS_LANGUAGE:
        fields["language"] = settings.CAPTIONS_LANGUAGE.partition("-")[0]
    headers = {"Authorization": f"Bearer {settings.CAPTIONS_API_KEY}"} if settings.CAPTIONS_API_KEY else {}
    limits = urllib3.Timeout(connect=CONNECT_SECONDS, read=settings.CAPTIONS_SECONDS)
    try:
        with urllib3.PoolManager(timeout=limits, retries=False) as pool:
            answer = pool.request("POST", _address(), fields=fields, headers=headers, preload_content=False, redirect=False)
            try:
                text = answer.read(LONGEST_ANSWER)
            finally:
                answer.close()
    except urllib3.exceptions.HTTPError as failure:
        raise CaptionsAway() from failure
    return _understood(answer.status, answer.headers.get("Retry-After", ""), text)


def _understood(status: int, again: str, text: bytes) -> dict[str, Any]:
    """Raises: CaptionsAway, CaptionsRefused, with the service's own words as their cause."""
    words = RuntimeError(f"HTTP {status}: {text[:1_000].decode('utf-8', 'replace')}")
    if status >= 500 or status in _AGAIN:
        raise CaptionsAway(retry_after=float(again) if again.isdigit() else None) from words
    if status != 200:
        raise CaptionsRefused() from words
    try:
        answer = json.loads(text)
    except ValueError:
        raise CaptionsAway() from words  # a proxy's page, or an answer that was cut off
    if not isinstance(answer, dict):
        raise CaptionsRefused() from words
    return answer


def _cues(answer: dict[str, Any], offset: float) -> list[Cue]:
    """Raises: CaptionsRefused: the service does not tell times (its model takes no verbose_json)."""
    try:
        return [Cue(offset + float(one["start"]), offset + float(one["end"]), str(one["text"])) for one in answer.get("segments") or []]
    except (KeyError, TypeError, ValueError) as strange:
        raise CaptionsRefused() from strange


def _address() -> str:
    return f"{settings.CAPTIONS_URL.rstrip('/')}/audio/transcriptions"
