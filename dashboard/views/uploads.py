from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from uploads.models import UploadSession
from uploads.services.abort import abort_upload


@login_required
@require_POST
def discard(request: HttpRequest, public_id: str) -> HttpResponse:
    """Give up an unfinished upload and what has arrived of it."""
    session = get_object_or_404(UploadSession, owner_id=request.user.pk, public_id=public_id)
    if abort_upload(session):
        messages.success(request, f"The upload of “{session.file_name}” is discarded.")
    else:
        messages.warning(request, "That upload had already ended.")
    return redirect("home")
