"""Hand out published files by name. A name is checked part by part; nothing outside the video's own folder can be named.

A playlist is handed out with signed addresses in the place of its names, so that a player needs neither cookies nor headers for what it
plays. Everything else is handed out as bytes, or, where renditions are in S3, by an address there.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import Max
from django.utils.http import content_disposition_header

from processing import links, store
from processing.content_types import CONTENT_TYPES, PLAYLIST, content_type, suffix
from processing.models import Publication, Rendition
from processing.notes import RenditionNotFound
from processing.playlist import duration_of, is_main, with_addresses
from uploads.models import Video
from uploads.services.clean import clean_file_name

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9]+){0,2}")  # MediaConvert numbers pictures: poster.0000001.jpg
_LONGEST = 250
FOR_EVER = "private, max-age=31536000, immutable"  # names are never used twice
LIST = "vtt"
FILMS = frozenset({"film.mp4", "film.m4a"})
KNOWN_ENDINGS = frozenset({"mp4", "mov", "m4v", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "mp3", "m4a", "wav", "flac", "ogg", "aac", "wmv", "3gp"})
_PICTURE = re.compile(r"^([A-Za-z0-9_-]+\.jpg)(#xywh=[0-9,]+)$", re.MULTILINE)
NOT_KEPT = "private, no-store"  # the addresses in it end


@dataclass(frozen=True, slots=True)
class Delivered:
    """An open file (the caller closes it), its media type and its size in bytes, how long it may be kept, and a name if it is to be saved."""

    file: File[Any]
    content_type: str
    size: int
    cache_control: str = FOR_EVER
    save_as: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a file that is not sent: its media type, and its size in bytes."""

    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The address of a file in S3, and for how many seconds it works."""

    address: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for.

    Args:
        path: relative to the video's folder, as `Publication.playlist` without its first part.
        expires: when the token it was asked with ends (seconds since 1970); None for a person with a session.
    """

    video: Video
    path: str
    expires: int | None = None

    @property
    def name(self) -> str:
        return f"{self.video.public_id}/{self.path}"

    @property
    def folder(self) -> str:
        return self.name.rpartition("/")[0]


def deliver(asked: Asked) -> Delivered | Elsewhere:
    """Open a file of a published video, or say where it is.

    Raises:
        RenditionNotFound: not a name of ours, no such file, or nothing is published.
        CircuitOpen: the store is away.
    """
    _require_ours(asked)
    if suffix(asked.path) == PLAYLIST:
        return _as_file(_playlist(asked), asked)
    if suffix(asked.path) == LIST:
        return _as_file(_with_links(_text(asked), asked), asked)  # a page's text tracks come from its own server
    save_as = file_name(asked)
    if not store.is_remote():
        return replace(_opened(asked), save_as=save_as)
    seconds = links.link_life()
    saved = {"ResponseContentDisposition": content_disposition_header(True, save_as)} if save_as else {}
    return Elsewhere(store.address_of(asked.name, seconds=seconds, **saved), seconds)


def file_name(asked: Asked) -> str:
    """Return the name under which a film to save is saved; empty for everything else."""
    last = asked.path.rpartition("/")[2]
    if last not in FILMS:
        return ""
    stem, dot, ending = asked.video.title.rpartition(".")
    title = stem if dot and ending.lower() in KNOWN_ENDINGS else asked.video.title
    return clean_file_name(f"{title.replace('/', ' ')}.{suffix(last)}")


def head_of(asked: Asked) -> Told | None:
    """Say what S3 would answer to a HEAD, as an address there is for GET alone. None for what we hand out ourselves. Raises as `deliver`."""
    if not store.is_remote() or suffix(asked.path) in (PLAYLIST, LIST):
        return None
    _require_ours(asked)
    try:
        return Told(content_type(asked.path), default_storage.size(asked.name))
    except (FileNotFoundError, SuspiciousOperation) as missing:
        raise RenditionNotFound() from missing


def open_rendition(video: Video, path: str) -> Delivered:
    """Open a file of a published video as it lies in the store. Raises as `deliver`."""
    asked = Asked(video, path)
    _require_ours(asked)
    return _opened(asked)


def _require_ours(asked: Asked) -> None:
    path = asked.path
    well_formed = len(path) <= _LONGEST and suffix(path) in CONTENT_TYPES and all(_PART.fullmatch(part) for part in path.split("/"))
    if not well_formed or not Publication.objects.filter(video=asked.video).exists():
        raise RenditionNotFound()


def _opened(asked: Asked) -> Delivered:
    try:
        file = default_storage.open(asked.name, "rb")
        return Delivered(file, content_type(asked.path), file.size)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, SuspiciousOperation) as missing:
        raise RenditionNotFound() from missing


def _as_file(text: str, asked: Asked) -> Delivered:
    data = text.encode()
    return Delivered(File(io.BytesIO(data), asked.name), content_type(asked.path), len(data), NOT_KEPT)


def _text(asked: Asked) -> str:
    try:
        return store.read_text(asked.name)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, SuspiciousOperation) as missing:
        raise RenditionNotFound() from missing


def _playlist(asked: Asked) -> str:
    """The main playlist names rungs by links of our own that last for the whole film; a rung's names segments, each until it is played."""
    text = _text(asked)
    now = links.now()
    if is_main(text):
        whole = now + links.life_at(_duration(asked.video))
        return with_addresses(text, folder=asked.folder, address=lambda name, _: links.path_to(name, expires=whole))
    whole = now + links.life_at(duration_of(text))
    last = min(whole, asked.expires) if asked.expires else whole

    def address(name: str, position: float) -> str:
        ends = min(last, now + links.life_at(position)) if position else last
        return store.address_of(name, seconds=max(1, ends - now)) if store.is_remote() else links.path_to(name, expires=ends)

    return with_addresses(text, folder=asked.folder, address=address)


def _with_links(text: str, asked: Asked) -> str:
    """A list of pictures names its sheet; in its place stands a link that works as long as the film is watched. Captions name nothing."""
    ends = links.now() + links.life_at(_duration(asked.video))
    return _PICTURE.sub(lambda found: f"{links.path_to(f'{asked.folder}/{found[1]}', expires=ends)}{found[2]}", text)


def _duration(video: Video) -> float:
    longest = Rendition.objects.filter(job__video=video).aggregate(longest=Max("duration_s"))["longest"]
    return float(longest or video.duration_s or 0)
