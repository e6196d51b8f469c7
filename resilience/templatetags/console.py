"""Filters of the console's own templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template

from resilience import admin_display

register = template.Library()

register.filter("state_badge", admin_display.state_of)
register.filter("seconds", admin_display.seconds_in_words)


@register.filter
def tone(state: str) -> str:
    return admin_display.tone(state)


@register.filter
def outcome_badge(outcome: str) -> str:
    return admin_display.badge(outcome or "running")


@register.filter
def age(moment: datetime | None) -> str:
    return admin_display.age(moment)


@register.filter
def size(count: int | None) -> str:
    return admin_display.size_in_words(count)


@register.filter
def last_characters(text: Any, count: int) -> str:
    """The end of a long text: what a program said last is what it died of."""
    whole = str(text)
    return whole if len(whole) <= count else f"… {whole[-count:]}"
