"""List filters whose choices cost the same however many rows there are: stock ones ask for every distinct value of the table."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

NEWEST = 2_000


class RecentValues(SimpleListFilter):
    """The values of a text field among the newest rows, as the list orders them; the address stays that of a stock filter."""

    field = ""
    among: dict[str, Any] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = model_admin.model._default_manager.filter(**self.among).order_by(*model_admin.ordering)
        found = set(newest.values_list(self.field, flat=True)[:NEWEST])
        chosen = request.GET.get(str(self.parameter_name), "")  # stays to be seen, and to be taken off, when it is old
        return [(value, value) for value in sorted({*found, chosen} - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


def recent(field: str, **among: Any) -> type[RecentValues]:
    """Return a filter over `field`, its choices taken from the newest rows `among` which they are looked for."""
    values = {"field": field, "among": among, "title": field.replace("_", " "), "parameter_name": f"{field}__exact"}
    return type(f"Recent_{field}", (RecentValues,), values)
