"""All files of a finished job with their places and types, playlists apart: they are put last. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .envelopes import playlists
from .made import Made, content_type
from .manifests import dash_manifest, master_playlist, media_playlist
from .plan import Group, Kind

_ACLS = {"PUBLIC_READ": "public-read", "AUTHENTICATED_READ": "authenticated-read", "BUCKET_OWNER_READ": "bucket-owner-read",
         "BUCKET_OWNER_FULL_CONTROL": "bucket-owner-full-control"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    bucket: str
    key: str
    body: bytes | Path
    content_type: str
    acl: str = ""


def files_of(finished: Sequence[tuple[Group, Sequence[Made]]], *, without: int | None = None) -> tuple[list[File], list[File]]:
    """Return the media files, and the playlists in the order they are to be put: those of outputs, then those over them.

    Args:
        without: number of an output, over all groups, that is left out on purpose; everything speaks of it all the same.
    """
    media: list[File] = []
    lists: list[File] = []
    tops: list[File] = []
    number = 0
    for group, all_made in finished:
        for made in all_made:
            if number != without:
                media += [_file(group, made.output.modifier + piece.suffix, piece.content) for piece in made.pieces]
                lists += [_file(group, f"{made.output.modifier}.m3u8", media_playlist(made, group).encode())] if _has_playlist(group, made) else []
            number += 1
        tops += list(_tops(group, all_made))
    return media, lists + tops


def _tops(group: Group, all_made: Sequence[Made]) -> Iterator[File]:
    for suffix in playlists(group) if all_made else ():
        text = dash_manifest(group, all_made) if suffix == ".mpd" else master_playlist(group, all_made)
        yield _file(group, suffix, text.encode())


def _has_playlist(group: Group, made: Made) -> bool:
    return made.output.kind in (Kind.TS, Kind.AAC, Kind.CMAF) and ".m3u8" in playlists(group)


def _file(group: Group, rest: str, body: bytes | Path) -> File:
    s3 = group.settings.get("DestinationSettings", {}).get("S3Settings", {})
    return File(group.place.bucket, group.place.key(rest), body, content_type(rest), _ACLS.get(s3.get("AccessControl", {}).get("CannedAcl", ""), ""))
