"""The card a person sees when something went wrong with a video: the catalogue's entry, with every action turned into an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from resilience.errors import CATALOGUE, Action, ActionKind, Entry, Fault
from uploads.models import Video


@dataclass(frozen=True, slots=True)
class CardAction:
    label: str
    address: str
    post: bool = False
    primary: bool = False


@dataclass(frozen=True, slots=True)
class ErrorCard:
    entry: Entry
    sentence: str
    waits: tuple[str, ...]  # nothing to press: what will happen by itself, or when to come back
    actions: tuple[CardAction, ...]  # the first is the primary one
    guide: str  # address, or empty
    help_address: str
    request_id: str

    @property
    def mild(self) -> bool:
        return self.entry.fault != Fault.USER


def video_card(video: Video, *, request_id: str = "") -> ErrorCard | None:
    """Return the card of what stands in a video's way, or None when nothing does."""
    if not video.error_code:
        return None
    return error_card(CATALOGUE.get(video.error_code), video.error_fields, video=video, code=video.error_code, request_id=request_id)


def error_card(entry: Entry, fields: Mapping[str, Any], *, video: Video | None = None, code: str = "", request_id: str = "") -> ErrorCard:
    waits = tuple(action.label for action in entry.actions if action.kind == ActionKind.WAIT)
    help_address = ask_for_help(video, code or entry.code)
    drawn = [card for action in entry.actions if action.kind not in (ActionKind.WAIT, ActionKind.CONTACT) and (card := _draw(action, video))]
    if drawn:
        drawn[0] = replace(drawn[0], primary=True)
    return ErrorCard(
        entry=entry,
        sentence=entry.sentence(fields),
        waits=waits,
        actions=tuple(drawn),
        guide=reverse("guide", args=[entry.guide]) if entry.guide else "",
        help_address=help_address,
        request_id=request_id,
    )


def ask_for_help(video: Video | None, code: str) -> str:
    query = ({"video": video.public_id} if video else {}) | ({"code": code} if code else {})
    return f"{reverse('ticket-new')}?{urlencode(query)}" if query else reverse("ticket-new")


def _draw(action: Action, video: Video | None) -> CardAction | None:
    """Turn an action's target into an address. None: it makes no sense on this page."""
    if action.target.startswith("guide:"):
        slug = action.target.removeprefix("guide:")
        return CardAction(action.label, reverse("guide", args=[slug]) if slug else reverse("guides"))
    if video is not None and action.target in ("retry", "cancel"):
        return CardAction(action.label, reverse(f"video-{action.target}", args=[video.public_id]), post=True)
    home = reverse("home")
    replacing = f"{reverse('video', args=[video.public_id])}#replace" if video else home
    addresses = {
        "replace_file": replacing,
        "choose_file": replacing,
        "resume": f"{home}#unfinished",
        "login": reverse("account_login"),
        "home": home,
        "reload": reverse("video", args=[video.public_id]) if video else home,
        "retry": home,
    }
    address = addresses.get(action.target, "")
    return CardAction(action.label, address) if address else None
