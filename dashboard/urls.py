"""Everything a person opens in a browser."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from dashboard.views import account, attachments, files, help, home, inbox, media, signin, status, tickets, uploads, videos

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("robots.txt", files.robots, name="robots"),
    path("favicon.ico", files.favicon, name="favicon"),
    path("status/", status.status, name="status"),
    path("uploads/<str:public_id>/discard/", uploads.discard, name="upload-discard"),
    path("videos/<str:public_id>/", videos.video, name="video"),
    path("videos/<str:public_id>/parts/", videos.parts, name="video-parts"),
    path("videos/<str:public_id>/status/", videos.status, name="video-status"),
    path("videos/<str:public_id>/card/", videos.card, name="video-card"),
    path("videos/<str:public_id>/rename/", videos.rename, name="video-rename"),
    path("videos/<str:public_id>/retry/", videos.retry, name="video-retry"),
    path("videos/<str:public_id>/cancel/", videos.cancel, name="video-cancel"),
    path("videos/<str:public_id>/download/", videos.download, name="video-download"),
    path("videos/<str:public_id>/delete/", videos.delete, name="video-delete"),
    path("media/<path:name>", media.media, name="media"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/read-all/", inbox.read_all, name="inbox-read-all"),
    path("inbox/<str:public_id>/read/", inbox.read, name="inbox-read"),
    path("tickets/", tickets.tickets, name="tickets"),
    path("tickets/new/", tickets.new, name="ticket-new"),
    path("tickets/<str:public_id>/", tickets.ticket, name="ticket"),
    path("tickets/<str:public_id>/reply/", tickets.reply, name="ticket-reply"),
    path("tickets/<str:public_id>/files/", attachments.files, name="ticket-files"),
    path("tickets/<str:public_id>/files/<str:file_id>/", attachments.download, name="ticket-file"),
    path("tickets/<str:public_id>/files/<str:file_id>/remove/", attachments.remove, name="ticket-file-remove"),
    path("help/", help.guides, name="guides"),
    path("help/<slug:slug>/", help.guide, name="guide"),
    path("problems/<slug:slug>/", help.problem, name="problem"),
    path("account/", account.account, name="account"),
    path("account/tokens/", account.token_create, name="token-create"),
    path("account/tokens/<str:token_key>/revoke/", account.token_revoke, name="token-revoke"),
    # Ours come first; allauth brings the rest (sign-out, passwords, e-mail addresses) under the same names.
    path("accounts/login/", signin.login, name="account_login"),
    path("accounts/signup/", signin.signup, name="account_signup"),
    path("accounts/", include("allauth.account.urls")),
]
