from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from knox.models import AuthToken

from dashboard.services.api_tokens import MOST, create_token, revoke_token
from uploads.limits.rows import rows_of


@login_required
@require_GET
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    return _page(request)


@login_required
@require_POST
@never_cache
def token_create(request: HttpRequest) -> HttpResponse:
    """Show a new token, this once: the answer to the press itself, kept nowhere."""
    assert isinstance(request.user, User)
    if AuthToken.objects.filter(user=request.user).count() >= MOST:
        messages.warning(request, f"You have {MOST} tokens, which is as many as one account can have. Revoke one you no longer use.")
        return redirect("account")
    return _page(request, secret=create_token(request.user))


@login_required
@require_POST
def token_revoke(request: HttpRequest, token_key: str) -> HttpResponse:
    assert isinstance(request.user, User)
    revoke_token(request.user, token_key=token_key)
    messages.success(request, "The token is revoked. Programs that used it can no longer sign in.")
    return redirect("account")


def _page(request: HttpRequest, *, secret: str = "") -> HttpResponse:
    assert isinstance(request.user, User)
    tokens = AuthToken.objects.filter(user=request.user).order_by("-created")
    return render(request, "account/overview.html", {"tokens": tokens, "secret": secret, "most": MOST, "usage": rows_of(request.user.pk)})
