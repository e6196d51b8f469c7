"""How the console shows things: states, ages, links between rooms (by address, so that no room imports a higher one), JSON."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from resilience.errors import CATALOGUE

NOTHING = "–"

# What a state asks of an operator: nothing, patience, a look, or a hand.
_TONES = {
    "good": {"ready", "succeeded", "accepted", "closed", "solved", "ok", "published"},
    "busy": {"receiving", "received", "creating", "checking", "converting", "queued", "running", "pending", "leased", "created", "submitting", "submitted"}
    | {"progressing", "verifying", "half_open", "open_ticket"},
    "wait": {
        "retry_wait",
        "blocked",
        "waiting_on_us",
        "waiting_on_user",
        "snoozed",
        "interrupted",
        "ready_partial",
        "disabled",
        "forced_closed",
        "needs_new_file",
        "rejected",
    },
    "bad": {"dead", "failed", "lost", "corrupt", "open", "forced_open", "crashed", "timeout", "error"},
}
_TONE_OF = {state: tone for tone, states in _TONES.items() for state in states}


def tone(state: str, *, model: type[Model] | None = None) -> str:
    """Return good, busy, wait, bad or calm. An open ticket waits for us; an open circuit is bad."""
    if state == "open" and model is not None and model._meta.model_name == "ticket":
        return "wait"
    if state == "closed" and model is not None and model._meta.model_name == "ticket":
        return "calm"
    return _TONE_OF.get(state, "calm")


def badge(state: str, label: str = "", *, model: type[Model] | None = None) -> SafeString | str:
    if not state:
        return NOTHING
    return format_html('<span class="state state-{}">{}</span>', tone(state, model=model), label or state.replace("_", " "))


def state_of(row: Model) -> SafeString | str:
    """The badge of a row that has a `state` with choices."""
    return badge(row.state, row.get_state_display(), model=type(row))  # type: ignore[attr-defined]


def seconds_in_words(seconds: float | None) -> str:
    """`42 s`, `7 min`, `3 h 10 min`, `5 d`."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} d"


def age(moment: datetime | None, *, now: datetime | None = None) -> str:
    return NOTHING if moment is None else seconds_in_words(((now or timezone.now()) - moment).total_seconds())


def between(start: datetime | None, end: datetime | None) -> str:
    return NOTHING if start is None or end is None else seconds_in_words((end - start) / timedelta(seconds=1))


def size_in_words(count: int | None) -> str:
    """Bytes in binary units: `1.5 GiB`."""
    if count is None:
        return NOTHING
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def as_json(value: Any) -> SafeString:
    return format_html('<pre class="raw">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str))


def as_text(value: str) -> SafeString | str:
    return format_html('<pre class="raw">{}</pre>', value) if value else NOTHING


def page_of(row: Model) -> str:
    """The address of a row's page in the console."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_of(app: str, model: str, **filters: Any) -> str:
    """The address of a model's list in the console, filtered."""
    address = reverse(f"admin:{app}_{model}_changelist")
    return f"{address}?{urlencode(filters)}" if filters else address


def link(row: Model | None, text: str = "") -> SafeString | str:
    return NOTHING if row is None else format_html('<a href="{}">{}</a>', page_of(row), text or str(row))


_LISTS = {"vid": ("uploads", "video"), "upl": ("uploads", "uploadsession"), "job": ("processing", "job"), "att": ("processing", "attempt")}
_PUBLIC_ID = re.compile(r"(vid|upl|job|att)_[0-9a-z]{20}")


def by_public_id(text: str) -> SafeString | str:
    """A link to whatever row the public id at the start of `text` names: a task's key says what the task is about."""
    found = _PUBLIC_ID.match(text)
    if found is None:
        return NOTHING
    app, model = _LISTS[found[1]]
    return format_html('<a href="{}">{}</a>', list_of(app, model, q=found[0]), found[0])


def links(rows: Any) -> SafeString | str:
    """Links to each of some rows, one per line."""
    return format_html_join("", '<div><a href="{}">{}</a></div>', ((page_of(row), str(row)) for row in rows)) or NOTHING


def error_label(code: str, fields: dict[str, Any] | None = None) -> SafeString | str:
    """A catalogue code with its title, what its owner was told, and what an operator does first."""
    if not code:
        return NOTHING
    entry = CATALOGUE.get(code)
    shown = format_html('<code>{}</code> {}<div class="told">{}</div>', code, entry.title, entry.sentence(fields or {}))
    if entry.runbook:
        shown = format_html('{}<div class="runbook"><strong>First:</strong> {}</div>', shown, entry.runbook)
    return shown
