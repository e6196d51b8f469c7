"""Sizes, lengths and icons for the templates."""

from __future__ import annotations

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard import attaching, words
from resilience.errors import CATALOGUE, Action, ActionKind
from resilience.http.problems import action_address
from support.models import TicketAttachment
from uploads.admission import human_size
from uploads.models import UploadSession

register = template.Library()


@register.filter
def size(count: int | None) -> str:
    """`1500000` → `1.5 MB`."""
    return "unknown size" if count is None else human_size(int(count))


@register.filter
def playtime(seconds: float | None) -> str:
    """`3723.4` → `1:02:03`."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def percent_of(part: int, whole: int | None) -> int:
    """Whole percent, rounded down: 100 only when all is there."""
    return int(part * 100 / whole) if whole else 0


@register.filter
def state_words(state: str) -> words.StateWords:
    return words.VIDEO_STATES[state]


@register.filter
def state_steps(state: str) -> list[tuple[str, str]]:
    return words.steps(state)


@register.filter
def ticket_words(state: str) -> str:
    return words.TICKET_WORDS[state]


@register.filter
def ticket_tone(state: str) -> str:
    return words.TICKET_TONES[state]


@register.filter
def file_note(file: TicketAttachment) -> str:
    return attaching.file_note(file)


@register.filter
def error_sentence(session: UploadSession) -> str:
    """The catalogue's sentence about a stored error."""
    return CATALOGUE.get(session.error_code).sentence(session.error_fields)


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>', static("img/icons.svg"), name)


@register.inclusion_tag("includes/field.html")
def field(bound: Any, hint: str = "") -> dict[str, Any]:
    """A form field with its label, hint and errors, tied together for screen readers."""
    described = " ".join(
        part for part in (f"{bound.auto_id}_hint" if hint or bound.help_text else "", f"{bound.auto_id}_errors" if bound.errors else "") if part
    )
    attributes: dict[str, str] = {"aria-describedby": described} if described else {}
    if bound.errors:
        attributes["aria-invalid"] = "true"
    bound.field.widget.attrs.pop("placeholder", None)
    return {
        "bound": bound,
        "widget": bound.as_widget(attrs=attributes),
        "hint": hint or bound.help_text,
        "check": getattr(bound.field.widget, "input_type", "") == "checkbox",
    }


@register.filter
def page_address(action: Action, path: str) -> str:
    """Where an action on an error page leads; waiting and trying again lead back to the page it happened on."""
    if action.target in ("retry", "reload", "resume") or action.kind == ActionKind.WAIT:
        return page_of(path)
    if action.target in ("choose_file", "replace_file"):
        return "/"
    return action_address(action)


def page_of(path: str) -> str:
    """`/videos/vid_x/retry/` → `/videos/vid_x/`: an address that takes POST only is no place to send a browser back to."""
    parts = path.strip("/").split("/")
    depth = {"videos": 2, "tickets": 2, "inbox": 1, "account": 1, "uploads": 0}.get(parts[0])
    return path if depth is None else "/" + "".join(f"{part}/" for part in parts[:depth])


@register.filter
def wait_words(seconds: float) -> str:
    """`40` → "You can go on in 40 seconds."."""
    if seconds < 90:
        return f"You can go on in {max(1, round(seconds))} second{'' if round(seconds) <= 1 else 's'}."
    return f"You can go on in {round(seconds / 60)} minutes."


@register.filter
def guide_address(slug: str) -> str:
    """Without looking the address up: an error page is drawn even when addresses are what is broken."""
    return f"/help/{slug}/"
