from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from notifications import selectors
from notifications.services import inbox as service

PAGE_SIZE = 30


@login_required
@require_GET
@never_cache
def inbox(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    page = Paginator(selectors.inbox(request.user), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "inbox/inbox.html", {"page": page})


@login_required
@require_POST
def read(request: HttpRequest, public_id: str) -> HttpResponse:
    """Mark one as read, and go where it leads when that is what was pressed."""
    assert isinstance(request.user, User)
    notification = service.mark_read(request.user, public_id=public_id)
    follows = "follow" in request.POST and notification.link.startswith("/") and not notification.link.startswith("//")
    return redirect(notification.link if follows else reverse("inbox"))


@login_required
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    service.mark_all_read(request.user)
    return redirect("inbox")
