"""A video's page, the parts of it that change by themselves, and what its owner can do."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dashboard import selectors
from dashboard.error_cards import ask_for_help, video_card
from dashboard.forms import TitleForm
from dashboard.uploading import upload_settings
from processing.extras.models import ExtraState
from processing.extras.services import ask_for_download, download_of
from processing.links import link_to
from processing.selectors import current_job
from processing.services.jobs import cancel_job, retry_job
from resilience.errors import AppError
from resilience.http.errors import VersionConflict
from uploads.models import Video
from uploads.services.delete import delete_video
from uploads.services.videos import rename_video

Answer = HttpResponse


def own_video(request: HttpRequest, public_id: str) -> Video:
    """A person's own video. A stranger's is not there at all."""
    return get_object_or_404(Video, owner_id=request.user.pk, public_id=public_id)


@login_required
@require_GET
@never_cache
def video(request: HttpRequest, public_id: str) -> Answer:
    found = own_video(request, public_id)
    return render(request, "videos/video.html", _context(found) | {"form": TitleForm(initial={"title": found.title}), "upload": upload_settings()})


@login_required
@require_GET
@never_cache
def parts(request: HttpRequest, public_id: str) -> Answer:
    """The parts of a video's page that change by themselves."""
    return render(request, "videos/parts.html", _context(own_video(request, public_id)))


@login_required
@require_GET
@never_cache
def status(request: HttpRequest, public_id: str) -> Answer:
    """How far one video is, for the list of uploads."""
    return render(request, "videos/status_item.html", _context(own_video(request, public_id)))


@login_required
@require_GET
@never_cache
def card(request: HttpRequest, public_id: str) -> Answer:
    """One card of the library."""
    assert isinstance(request.user, User)
    found = selectors.video_for_card(request.user, public_id)
    if found is None:
        raise Http404
    return render(request, "videos/card.html", {"video": found})


@login_required
@require_POST
def rename(request: HttpRequest, public_id: str) -> Answer:
    found = own_video(request, public_id)
    form = TitleForm(request.POST)
    if not form.is_valid():
        return render(request, "videos/video.html", _context(found) | {"form": form, "upload": upload_settings()}, status=400)
    try:
        rename_video(found, title=form.cleaned_data["title"], seen=form.cleaned_data["seen"])
    except VersionConflict:
        found = own_video(request, public_id)
        return render(request, "videos/title_conflict.html", {"video": found, "yours": form.cleaned_data["title"]}, status=409)
    messages.success(request, "The title is changed.")
    return redirect("video", found.public_id)


@login_required
@require_POST
def retry(request: HttpRequest, public_id: str) -> Answer:
    return _act(request, public_id, "retry")


@login_required
@require_POST
def cancel(request: HttpRequest, public_id: str) -> Answer:
    return _act(request, public_id, "cancel")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def download(request: HttpRequest, public_id: str) -> Answer:
    """A film to save: POST has it made, GET leads to it by a link of a few minutes."""
    found = own_video(request, public_id)
    extra = ask_for_download(found) if request.method == "POST" else download_of(found)
    if extra is not None and extra.state == ExtraState.READY:
        return redirect(link_to(extra.path))
    if request.method == "POST":
        messages.success(request, "We are preparing the file. The button to save it is here in a moment.")
    return redirect("video", found.public_id)


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, public_id: str) -> Answer:
    found = own_video(request, public_id)
    if request.method != "POST":
        return render(request, "videos/delete.html", {"video": found})
    delete_video(found)
    messages.success(request, f"“{found.title}” is deleted.")
    return redirect("home")


def _act(request: HttpRequest, public_id: str, action: str) -> Answer:
    """Try again or stop, and say what came of it on the page itself."""
    assert isinstance(request.user, User)
    found = own_video(request, public_id)
    job = current_job(found)
    if job is None:
        messages.warning(request, "There is no conversion to act on. The page shows how things are now.")
        return redirect("video", found.public_id)
    try:
        if action == "retry":
            retry_job(job, by=request.user, reason="asked for by its owner")
        else:
            cancel_job(job, by=request.user, reason="asked for by its owner")
    except AppError as error:
        messages.warning(request, f"{error.entry.title}. {error.detail}")
    else:
        messages.success(request, "We are trying again." if action == "retry" else "The conversion is stopped.")
    return redirect("video", found.public_id)


def _context(found: Video) -> dict[str, object]:
    page = selectors.video_page(found)
    request_id = page.session.request_id if page.session else ""
    if page.job and page.job.request_id:
        request_id = page.job.request_id
    return {"video": found, "page": page, "card": video_card(found, request_id=request_id), "help_address": ask_for_help(found, found.error_code)}
