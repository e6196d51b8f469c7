"""Two operators over one row: whoever saves second is shown both versions and chooses. Nothing is overwritten unseen.

The page carries what its fields held when it was drawn. Saving locks the row, and goes on only if they still hold that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from resilience.admin_actions import ConsoleAdmin

SEEN = "seen"


@dataclass(frozen=True, slots=True)
class Side:
    """One field of which the two versions may differ."""

    label: str
    theirs: str
    yours: str
    differs: bool


class VersionedAdmin(ConsoleAdmin):
    """Rows people edit. `edited` names the fields."""

    edited: tuple[str, ...] = ()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "POST":
            row = self.get_object(request, object_id)
            return super().change_view(request, object_id, form_url, {SEEN: seen_of(row, self.edited) if row is not None else "", **(extra_context or {})})
        with transaction.atomic():
            row = self._locked(object_id)
            if row is None or not self.has_change_permission(request, row):
                return super().change_view(request, object_id, form_url, extra_context)  # which refuses
            now = seen_of(row, self.edited)
            if request.POST.get(SEEN, "") != now:
                return self._choose(request, row, now)
            return super().change_view(request, object_id, form_url, {SEEN: now, **(extra_context or {})})

    def _locked(self, object_id: str) -> Any:
        try:
            return self.model._default_manager.select_for_update().filter(pk=self.model._meta.pk.to_python(object_id)).first()
        except (ValidationError, ValueError):
            return None

    def _choose(self, request: HttpRequest, row: Any, now: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{row} was changed meanwhile",
            "opts": self.model._meta,
            "original": row,
            "sides": _sides(request, row, self.edited),
            "typed": [(name, value) for name in request.POST if name not in (SEEN, "csrfmiddlewaretoken") for value in request.POST.getlist(name)],
            "seen": now,
        }
        return TemplateResponse(request, "admin/version_conflict.html", context, status=409)


def seen_of(row: Any, names: Sequence[str]) -> str:
    """Return 16 hex digits that stand for what these fields of a row hold."""
    held = {name: row._meta.get_field(name).value_from_object(row) for name in names}
    return hashlib.sha256(json.dumps(held, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _sides(request: HttpRequest, row: Any, names: Sequence[str]) -> list[Side]:
    sides = []
    for name in names:
        field = row._meta.get_field(name)
        theirs, yours = _shown(field.value_from_object(row)), _shown(request.POST.get(name, "") if name in request.POST else False)
        sides.append(Side(str(field.verbose_name), theirs, yours, _plain(theirs) != _plain(yours)))
    return sides


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value == "on":
        return "yes" if value else "no"
    if value is None or value == "":
        return "–"
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def _plain(text: str) -> str:
    """The same number written in two ways is the same."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return "".join(text.split())
