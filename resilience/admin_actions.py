"""What operators change: every change is asked on a page of its own, with a reason, done by a service, and written down.

A GET never changes anything: Django runs list actions on POST only, and the first POST shows the question. Buttons on a row's own
page post to the list too, with one row chosen, so there is one way in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst

from resilience import audit
from resilience.errors import AppError
from resilience.transactions import retried

MOST_ROWS = 1_000  # of one change by selection; larger sets have changes by group
SHOWN_ROWS = 20


class ReasonForm(forms.Form):
    reason = forms.CharField(
        min_length=3, max_length=500, widget=forms.Textarea(attrs={"rows": 2, "cols": 70}), help_text="For whoever reads the audit log later."
    )


@dataclass(frozen=True)
class Given:
    """Who asked for a change and what they filled in."""

    actor: Any
    reason: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One kind of change operators may make.

    Args:
        name: of the action, unique within its model's page.
        label: on the button, a verb.
        done: the verb's past participle, for the notice and the audit log ("retried").
        permission: `app.codename` a person needs.
        consequence: what happens, one sentence, shown before it is confirmed.
        apply: does it to one row, or raises an AppError that says why not. Returns how many rows it touched; None means one.
        fits: whether the button makes sense on this row's page.
        form: asked on the confirmation page; without a `reason` field none is asked.
        service_records: the service writes the audit row itself, because other faces call it too.
    """

    name: str
    label: str
    done: str
    permission: str
    consequence: str
    apply: Callable[[Any, Given], int | None]
    fits: Callable[[Any], bool] = lambda row: True
    form: type[forms.Form] = ReasonForm
    service_records: bool = False


@dataclass
class Tally:
    """How a change went, over all chosen rows."""

    done: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, why: str) -> None:
        self.skipped[why] = self.skipped.get(why, 0) + 1

    def sentence(self, change: Change) -> str:
        """`2 retried, 1 skipped: It is already running.`"""
        parts = [f"{self.done} {change.done}"] + [f"{count} skipped: {why}" for why, count in self.skipped.items()]
        return ", ".join(parts)

    @property
    def level(self) -> int:
        if not self.skipped:
            return messages.SUCCESS
        return messages.WARNING if self.done else messages.ERROR


class SystemRows:
    """Rows the system writes: people look at them, and change them by `changes` only."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


if TYPE_CHECKING:  # generic for the type checker only
    _ModelAdmin = admin.ModelAdmin[Any]
    _Inline = admin.TabularInline[Any, Any]
else:
    _ModelAdmin = admin.ModelAdmin
    _Inline = admin.TabularInline


class RowsInside(SystemRows, _Inline):
    """Rows the system wrote, on the page of the row they belong to."""

    extra = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or ()


class ConsoleAdmin(SystemRows, _ModelAdmin):
    """A read-only page of the console, with changes."""

    show_full_result_count = False
    list_per_page = 50
    change_form_template = "admin/console_change_form.html"
    changes: ClassVar[Sequence[Change]] = ()

    def get_actions(self, request: HttpRequest) -> Any:
        return {change.name: (partial(_act, change=change), change.name, change.label) for change in self.allowed_changes(request)}

    def allowed_changes(self, request: HttpRequest) -> list[Change]:
        return [change for change in self.changes if request.user.has_perm(change.permission)]  # type: ignore[union-attr]

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        row = self.get_object(request, object_id)
        fitting = [] if row is None else [change for change in self.allowed_changes(request) if change.fits(row)]
        names = {change.name for change in fitting}
        context = {"changes": fitting, "change_names": names, "row_page": request.path, **(self.more(row) if row is not None else {}), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def more(self, row: Any) -> dict[str, Any]:
        """What a row's page shows besides its fields."""
        return {}


def _act(model_admin: ConsoleAdmin, request: HttpRequest, queryset: QuerySet[Any], *, change: Change) -> HttpResponse | None:
    """Ask, then do. Django calls it with the chosen rows, on POST only."""
    if not request.user.has_perm(change.permission):  # type: ignore[union-attr]
        raise PermissionDenied
    count = queryset.count()
    if count > MOST_ROWS:
        model_admin.message_user(request, f"{count} rows are chosen; {MOST_ROWS} is the most at once. Narrow the filter.", messages.ERROR)
        return None
    form = change.form(request.POST if request.POST.get("confirmed") else None, initial=request.POST.dict())
    if not form.is_valid():
        return _ask(model_admin, request, queryset, change=change, form=form, count=count)
    given = Given(actor=request.user, reason=form.cleaned_data.get("reason", ""), values=form.cleaned_data)
    tally = carry_out(change, queryset, given)
    model_admin.message_user(request, tally.sentence(change), tally.level)
    return _back(request)


def carry_out(change: Change, rows: Iterable[Model], given: Given) -> Tally:
    """Do a change to each row, each with its audit row in one transaction; a row that refuses is skipped and counted."""
    tally = Tally()
    for row in rows:
        try:
            count = _carry_out(change, row, given)
        except AppError as refused:
            tally.skip(refused.detail)
            continue
        if not count:
            tally.skip("There was nothing left to do.")
        tally.done += count
    return tally


@retried(joins=True)
def _carry_out(change: Change, row: Model, given: Given) -> int:
    touched = change.apply(row, given)
    count = 1 if touched is None else touched
    if count and not change.service_records:
        audit.record(actor=given.actor, action=f"{row._meta.model_name}.{change.name}", target=_name(row), reason=given.reason, count=count)
    return count


def _name(row: Model) -> str:
    return str(getattr(row, "public_id", "") or f"{row} ({row.pk})")[:200]


def _ask(model_admin: ConsoleAdmin, request: HttpRequest, queryset: QuerySet[Any], *, change: Change, form: forms.Form, count: int) -> HttpResponse:
    opts = model_admin.model._meta
    what = opts.verbose_name if count == 1 else opts.verbose_name_plural
    across = request.POST.get("select_across") == "1"
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"{change.label}: {count} {what}",
        "opts": opts,
        "change": change,
        "form": form,
        "count": count,
        "rows": [(row, capfirst(getattr(row, "get_state_display", str)())) for row in queryset[:SHOWN_ROWS]],
        "more_rows": max(0, count - SHOWN_ROWS),
        "chosen": ["0"] if across else request.POST.getlist(ACTION_CHECKBOX_NAME),
        "across": across,
        "next": _next(request),
        "checkbox_name": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/change_confirmation.html", context)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()) else ""


def _back(request: HttpRequest) -> HttpResponse | None:
    wanted = _next(request)
    return HttpResponseRedirect(wanted) if wanted else None
