from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard import selectors
from dashboard.uploading import upload_settings
from uploads.selectors import unfinished_uploads

MOST_UNFINISHED = 50


def home(request: HttpRequest) -> HttpResponse:
    """The library of a signed-in person; for anybody else, what this is."""
    user = request.user
    if not isinstance(user, User):
        return render(request, "home/landing.html")
    context = {
        "page": selectors.library_page(user, request.GET.get("page")),
        "unfinished": list(unfinished_uploads(user)[:MOST_UNFINISHED]),
        "upload": upload_settings(),
    }
    return render(request, "home/library.html", context)
