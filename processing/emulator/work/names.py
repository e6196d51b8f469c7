"""Where outputs go and what they are called, as the service does it. Pure."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from .codes import JobError

_VARIABLES = re.compile(r"\$[a-z]+\$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the outputs of a group lie. Each key is `folder` + `base` + the output's modifier + a suffix of its kind.

    Args:
        folder: of the key; empty or with a slash at its end.
        base: the base name that all outputs of the group share.
    """

    bucket: str
    folder: str
    base: str

    def key(self, rest: str) -> str:
        return f"{self.folder}{self.base}{rest}"

    def url(self, rest: str) -> str:
        return f"s3://{self.bucket}/{self.key(rest)}"


def split(url: str) -> tuple[str, str]:
    """Return bucket and key of an `s3://` URL.

    Raises:
        ValueError: it is none.
    """
    scheme, found, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not found or not bucket:
        raise ValueError(f"not an s3:// URL: {url}")
    return bucket, key


def place(destination: str, input_url: str, *, path: str) -> Place:
    """Return where a group's outputs go. A destination that ends in a slash takes the base name of the (first) input.

    Args:
        path: of the destination in the settings, for the refusal.

    Raises:
        JobError: 1040, the destination holds a format identifier, or is no S3 URL.
    """
    if found := _VARIABLES.search(destination):
        raise JobError(1040, f"{path}: the format identifier {found[0]} is not supported by the emulator")
    try:
        bucket, key = split(destination)
    except ValueError:
        raise JobError(1040, f"{path}: only s3:// destinations are supported by the emulator") from None
    folder, base = posixpath.split(key)
    return Place(bucket, f"{folder}/" if folder else "", base or base_name(input_url))


def base_name(input_url: str) -> str:
    """Return an input's name without folder and extension."""
    return posixpath.splitext(posixpath.basename(input_url))[0]


def pointer(*parts: str | int) -> str:
    """Return a member's place in a request as the service writes it: `/outputGroups/0/outputs/1/nameModifier`. Names with spaces stay as they are."""
    return "".join(f"/{part[:1].lower()}{part[1:]}" if isinstance(part, str) and part.isalnum() else f"/{part}" for part in parts)
