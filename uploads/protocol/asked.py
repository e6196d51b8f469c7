"""What a request asks for, once its protocol has been read: the same for both."""

from __future__ import annotations

from dataclasses import dataclass, field

from uploads.append.part import Part
from uploads.models import UploadRole


@dataclass(frozen=True, slots=True)
class Creation:
    """A new upload.

    Args:
        length: bytes of the whole file; None when it is told later.
        has_body: first bytes come along.
        role: of the upload within its file.
        parts: addresses of the parts a joined upload is made of, in order, as given.
        part: what is said about the body.
    """

    length: int | None
    has_body: bool
    role: UploadRole = UploadRole.WHOLE
    parts: tuple[str, ...] = ()
    part: Part = field(default_factory=Part)


@dataclass(frozen=True, slots=True)
class Appending:
    """More bytes, from `offset` on."""

    offset: int
    part: Part
