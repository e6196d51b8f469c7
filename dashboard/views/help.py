"""Guides, and a page for each problem the catalogue knows. Open to everybody."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dashboard.error_cards import error_card
from resilience.errors import CATALOGUE, ActionKind, Retry
from support import guide_library

LONGEST_QUERY = 100
WHOSE_MOVE = {
    Retry.AUTO: "Ours: it is tried again by itself.",
    Retry.AFTER_WAIT: "Nobody's for the moment: try again a little later.",
    Retry.AFTER_CHANGE: "Yours: with something changed it can work.",
    Retry.NEVER: "Nobody's: trying again leads to the same answer.",
}


@require_GET
def guides(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    return render(request, "help/guides.html", {"guides": guide_library.search(query) if query else guide_library.all_guides(), "query": query})


@require_GET
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    found = guide_library.guide(slug)
    if found is None:
        raise Http404
    return render(request, "help/guide.html", {"guide": found})


@require_GET
def problem(request: HttpRequest, slug: str) -> HttpResponse:
    entry = CATALOGUE.by_slug(slug)
    if entry is None:
        raise Http404
    actions = [action.label for action in entry.actions if action.kind in (ActionKind.BUTTON, ActionKind.LINK)]
    return render(
        request, "help/problem.html", {"card": error_card(entry, dict.fromkeys(entry.fields, "…")), "actions": actions, "whose_move": WHOSE_MOVE[entry.retry]}
    )
