"""What files can be attached to. The rooms above register themselves here: an upload never knows what a ticket is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django.contrib.auth.models import User

from uploads.errors import MetadataInvalid
from uploads.models import UploadSession
from uploads.protocol.metadata import text_of

PURPOSE = "attachment"


class Holder(Protocol):
    """One kind of thing that holds files."""

    def require(self, owner: User, about: str) -> None:
        """Refuse what can be refused before anything is written. Raises an AppError."""
        ...

    def hold(self, session: UploadSession, about: str) -> None:
        """Tie a new upload to the thing, inside the transaction that inserts it, with its owner's lock held. Raises an AppError."""
        ...

    def keep(self, session: UploadSession) -> bool:
        """The file arrived and is harmless; inside the transaction that accepts it. False when the thing, or the tie, is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Attaching:
    """Args: holder: of the thing. about: its public id, as the client gave it."""

    holder: Holder
    about: str


_HOLDERS: dict[str, Holder] = {}


def register(key: str, holder: Holder) -> None:
    """Let uploads name a thing under this metadata key, beside `purpose attachment`."""
    _HOLDERS[key] = holder


def attaching_of(pairs: dict[str, bytes]) -> Attaching | None:
    """Return what an upload is to be attached to; None for one that is a video's.

    Raises:
        MetadataInvalid: it is to be attached, and not said to what.
    """
    if text_of(pairs, "purpose") != PURPOSE:
        return None
    for key, holder in _HOLDERS.items():
        if about := text_of(pairs, key):
            return Attaching(holder, about)
    raise MetadataInvalid(reason="it is to be attached, and not said to what")


def kept(session: UploadSession) -> bool:
    """True when something holds this file. Inside the transaction that accepts it."""
    return any(holder.keep(session) for holder in _HOLDERS.values())
