"""An error as programs read it on the thing it happened to: the catalogue's entry, filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from resilience.errors import CATALOGUE, ActionKind, Entry

from .problems import action_address


class ActionSerializer(serializers.Serializer[dict[str, Any]]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in ActionKind])
    label = serializers.CharField()  # type: ignore[assignment] # our own word for it
    target = serializers.CharField(help_text="What it does: retry, resume, replace_file, choose_file, cancel, ask_for_help, … Empty for a wait.")
    href = serializers.CharField(help_text="Where it leads or is done; empty when the client does it itself.")


class ErrorCardSerializer(serializers.Serializer[dict[str, Any]]):
    code = serializers.CharField()
    title = serializers.CharField()
    what_happened = serializers.CharField()
    actions = ActionSerializer(many=True)
    guide = serializers.CharField(help_text="Slug of the guide that helps; may be empty.")


class ProblemEntrySerializer(ErrorCardSerializer):
    """A kind of failure, apart from any one case of it."""

    status = serializers.IntegerField()
    category = serializers.CharField()
    fault = serializers.CharField(help_text="user, us or partner.")
    retry = serializers.CharField(help_text="auto, after_wait, after_change or never.")
    severity = serializers.CharField()
    type = serializers.CharField()
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment] # the entry's own word for it


def error_card(code: str, fields: Mapping[str, Any], *, addresses: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """Return the card of a stored error, or None when there is no error.

    Args:
        addresses: by an action's target, where it is done for this very thing.
    """
    if not code:
        return None
    return _card(CATALOGUE.get(code), fields, addresses or {})


def problem_entry(entry: Entry) -> dict[str, Any]:
    """Return an entry for the list of all problems; its fields read as their names."""
    return _card(entry, {name: f"<{name}>" for name in entry.fields}, {}) | {
        "status": entry.status,
        "category": entry.category.value,
        "fault": entry.fault.value,
        "retry": entry.retry.value,
        "severity": entry.severity,
        "type": entry.type_uri,
        "fields": list(entry.fields),
    }


def _card(entry: Entry, fields: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    return {
        "code": entry.code,
        "title": entry.title,
        "what_happened": entry.sentence(fields),
        "actions": [
            {"kind": action.kind.value, "label": action.label, "target": action.target, "href": addresses.get(action.target) or action_address(action)}
            for action in entry.actions
        ],
        "guide": entry.guide,
    }
