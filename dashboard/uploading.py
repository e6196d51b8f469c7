"""What the upload box and its scripts need to know: the limits, and the catalogue's words for what the browser can refuse by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from resilience.errors import ActionKind, Entry
from resilience.http.problems import action_address
from uploads.admission import AUDIO_ENDINGS, ENDINGS, VIDEO_ENDINGS, accepts_anything
from uploads.errors import ContinuedElsewhere, FileEmpty, TooLarge, TypeRefused, UploadExpired, UploadNotFound
from uploads.errors.recording import RecordingEmpty, RecordingFailed, RecordingNoDevice, RecordingNotAllowed

CHUNK_BYTES = 16 * 2**20
KINDS = "MP4, MOV, WebM, MKV, AVI, MP3, WAV, M4A, FLAC and others"


@dataclass(frozen=True, slots=True)
class UploadSettings:
    max_size: int
    accept: str  # for the file input; empty takes anything
    kinds: str
    for_scripts: dict[str, Any]


def upload_settings() -> UploadSettings:
    anything = accepts_anything()
    endings = [] if anything else sorted(ENDINGS)
    return UploadSettings(
        max_size=settings.UPLOAD_MAX_SIZE,
        accept="" if anything else ",".join(["video/*", "audio/*", *(f".{ending}" for ending in sorted(VIDEO_ENDINGS | AUDIO_ENDINGS))]),
        kinds="" if anything else KINDS,
        for_scripts={
            "endpoint": "/files/",
            "uploads": "/api/v1/uploads/",
            "videos": "/videos/",
            "help": "/tickets/new/",
            "maxSize": settings.UPLOAD_MAX_SIZE,
            "endings": endings,
            "chunkBytes": CHUNK_BYTES,
            "words": {
                "tooLarge": script_words(TooLarge.entry),
                "wrongKind": script_words(TypeRefused.entry),
                "empty": script_words(FileEmpty.entry),
                "gone": script_words(UploadExpired.entry),
                "lost": script_words(UploadNotFound.entry),
                "elsewhere": script_words(ContinuedElsewhere.entry),
                "recordRefused": script_words(RecordingNotAllowed.entry),
                "recordMissing": script_words(RecordingNoDevice.entry),
                "recordFailed": script_words(RecordingFailed.entry),
                "recordEmpty": script_words(RecordingEmpty.entry),
            },
        },
    )


def script_words(entry: Entry) -> dict[str, Any]:
    """An entry in the shape of a problem, its sentence with the {fields} still to fill in."""
    return {
        "code": entry.code,
        "title": entry.title,
        "detail": entry.what_happened,
        "status": entry.status,
        "actions": [
            {"kind": action.kind.value, "label": action.label, "href": action_address(action) if action.kind is ActionKind.LINK else ""}
            for action in entry.actions
        ],
        "doc_url": f"/help/{entry.guide}/" if entry.guide else f"/problems/{entry.slug}/",
        "retryable": False,
        "request_id": "",
    }
