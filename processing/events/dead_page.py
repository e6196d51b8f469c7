"""The console's page of news that was given up: a GET only looks, a POST with a reason replays or discards."""

from __future__ import annotations

from dataclasses import dataclass, field

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from processing.events import dead
from processing.events.queues import Queue, QueueAway, queues
from resilience.admin_actions import ReasonForm
from resilience.circuits import CircuitOpen

PERMISSION = "processing.replay_event"
_DONE = {"replay": "put back in line", "discard": "discarded"}


class ChangeForm(ReasonForm):
    """What to do to which messages. Without chosen ones: to all."""

    queue = forms.CharField(widget=forms.HiddenInput)
    action = forms.ChoiceField(choices=[(name, name) for name in _DONE], widget=forms.HiddenInput)


@dataclass
class Shown:
    """One queue on the page; `error` says why its dead letters could not be seen."""

    queue: Queue
    form: ReasonForm
    letters: list[dead.DeadLetter] = field(default_factory=list)
    error: str = ""


def page(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    asked = None
    if request.method == "POST":
        if not request.user.has_perm(PERMISSION):  # type: ignore[union-attr]
            raise PermissionDenied
        asked = ChangeForm(request.POST)
        if asked.is_valid():
            _change(request, asked)
            return HttpResponseRedirect(request.path)
    context = {
        **site.each_context(request),
        "title": "News that was given up",
        "queues": [_look(queue, number, asked) for number, queue in enumerate(queues()) if queue.dead],
        "may_change": request.user.has_perm(PERMISSION),  # type: ignore[union-attr]
        "most": dead.SHOWN,
    }
    return TemplateResponse(request, "admin/processing/eventqueue/dead_letters.html", context)


def _look(queue: Queue, number: int, asked: ChangeForm | None) -> Shown:
    """`asked` is what was asked and not understood."""
    mine = asked is not None and asked.data.get("queue") == queue.name
    form = ReasonForm(asked.data if mine and asked is not None else None, auto_id=f"id_%s_{number}")
    try:
        return Shown(queue, form, dead.peek(queue))
    except (QueueAway, CircuitOpen) as away:
        return Shown(queue, form, error=str(away))


def _change(request: HttpRequest, asked: ChangeForm) -> None:
    action, name = asked.cleaned_data["action"], asked.cleaned_data["queue"]
    queue = next((each for each in queues() if each.name == name and each.dead), None)
    if queue is None:
        messages.error(request, "That queue is not one of ours (any more).")
        return
    do = dead.replay if action == "replay" else dead.discard
    ids = request.POST.getlist("message") or None
    try:
        count = do(queue, ids=ids, by=request.user, reason=asked.cleaned_data["reason"])
    except (QueueAway, CircuitOpen) as away:
        messages.error(request, f"SQS did not do all of it: {away}. What is left lies where it lay.")
        return
    level = messages.SUCCESS if count else messages.WARNING
    messages.add_message(request, level, f"{count} {_DONE[action]}." if count else "There was nothing left to do.")
