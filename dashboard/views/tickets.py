"""Asking for help and reading the answers."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dashboard.attaching import STEPS, attach_settings, files_context
from dashboard.forms import ReplyForm, TicketForm
from resilience.errors import CATALOGUE, AppError
from resilience.http.limits import require_rate
from support.guide_library import guide_for
from support.models import LIVE_TICKET_STATES, Ticket, TicketState
from support.selectors import ticket_of, tickets_of
from support.services import tickets as service
from support.snapshots import build_snapshot
from uploads.models import Video

PAGE_SIZE = 30


@login_required
@require_GET
@never_cache
def tickets(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    return render(request, "tickets/list.html", {"page": Paginator(tickets_of(request.user), PAGE_SIZE).get_page(request.GET.get("page"))})


@login_required
@require_http_methods(["GET", "POST"])
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    """Show what would be sent, or send it. A live ticket about the same thing is gone on with."""
    assert isinstance(request.user, User)
    given = request.POST if request.method == "POST" else request.GET
    video = _named_video(request, given.get("video", ""))
    code = _known_code(given.get("code", ""))
    if request.method != "POST":
        form = TicketForm(initial={"subject": _subject(video, code), "video": video.public_id if video else "", "code": code})
        return _show_form(request, form, video=video, code=code)
    form = TicketForm(request.POST)
    if not form.is_valid():
        return _show_form(request, form, video=video, code=code, status=400)
    require_rate(request, "help")
    ticket = service.open_ticket(owner=request.user, subject=form.cleaned_data["subject"], body=form.cleaned_data["body"], video=video, error_code=code)
    messages.success(request, "Sent. A person reads it, and the answer shows up here and in your inbox.")
    return redirect("ticket", ticket.public_id)


@login_required
@require_GET
@never_cache
def ticket(request: HttpRequest, public_id: str) -> HttpResponse:
    return _show_ticket(request, own_ticket(request, public_id), ReplyForm())


@login_required
@require_POST
def reply(request: HttpRequest, public_id: str) -> HttpResponse:
    assert isinstance(request.user, User)
    found = own_ticket(request, public_id)
    form = ReplyForm(request.POST)
    if not form.is_valid():
        return _show_ticket(request, found, form, status=400)
    require_rate(request, "help")
    try:
        service.reply(found, author=request.user, body=form.cleaned_data["body"])
    except AppError as error:
        messages.warning(request, f"{error.entry.title}. {error.detail}")
    else:
        messages.success(request, "Sent.")
    return redirect("ticket", found.public_id)


def own_ticket(request: HttpRequest, public_id: str) -> Ticket:
    assert isinstance(request.user, User)
    found = ticket_of(request.user, public_id)
    if found is None:
        raise Http404
    return found


def _named_video(request: HttpRequest, public_id: str) -> Video | None:
    return get_object_or_404(Video, owner_id=request.user.pk, public_id=public_id) if public_id else None


def _known_code(code: str) -> str:
    """A code of the catalogue, or nothing: an address somebody made up opens no ticket of its own kind."""
    return code if code and CATALOGUE.get(code).code == code else ""


def _subject(video: Video | None, code: str) -> str:
    parts = [CATALOGUE.get(code).title if code else "", video.title if video else ""]
    return ": ".join(part for part in parts if part)[:200]


def _show_form(request: HttpRequest, form: TicketForm, *, video: Video | None, code: str, status: int = 200) -> HttpResponse:
    assert isinstance(request.user, User)
    ongoing = Ticket.objects.filter(owner_id=request.user.pk, video=video, error_code=code, state__in=LIVE_TICKET_STATES).first()
    context = {
        "form": form,
        "video": video,
        "guide": guide_for(code) if code else None,
        "ongoing": ongoing,
        "snapshot": _readable(build_snapshot(video, owner=request.user)),
        "upload": attach_settings(None),
        "steps": STEPS,
    }
    return render(request, "tickets/new.html", context, status=status)


def _show_ticket(request: HttpRequest, found: Ticket, form: ReplyForm, *, status: int = 200) -> HttpResponse:
    snapshot = found.snapshots.first()
    context = {"ticket": found, "ticket_messages": found.messages.all(), "form": form, "snapshot": _readable(snapshot.data) if snapshot else ""}
    if found.state != TicketState.CLOSED:
        context |= {"upload": attach_settings(found), "steps": STEPS}
    return render(request, "tickets/ticket.html", context | files_context(found), status=status)


def _readable(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, default=str)
