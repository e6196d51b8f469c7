"""Who may create an upload: an API token, or a signed-in person's cookie sent from our own pages."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from resilience.http.errors import NotSignedIn
from uploads.errors import ForeignOrigin
from uploads.protocol.requests import Request


def authenticate(request: Request, *, by_preflight: bool = True) -> User:
    """Return the person behind a request. Asks the database.

    Args:
        by_preflight: the request has a header that no page can send to another site unasked.

    Raises:
        NotSignedIn: neither a valid API token nor a session.
        ForeignOrigin: a session cookie, but sent by another site's page.
    """
    authorization = request.headers.text("Authorization")
    if authorization:
        return _by_api_token(authorization)
    key = parse_cookie(request.headers.text("Cookie")).get(settings.SESSION_COOKIE_NAME, "")
    if not key:
        raise NotSignedIn
    require_own_origin(request, by_preflight=by_preflight)
    return _by_session(key)


def require_own_origin(request: Request, *, by_preflight: bool = True) -> None:
    """A cookie is sent by whatever page asks; only ours may. (The Tus-Resumable header alone already needs a preflight.)

    Raises:
        ForeignOrigin: the browser says the request comes from elsewhere, or nothing at all where nothing else protects us.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site.lower() != "same-origin":
        raise ForeignOrigin
    origin = request.headers.get("Origin")
    if origin is None and site is None and not by_preflight:
        raise ForeignOrigin
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return
    domain, _port = split_domain_port(request.host)
    if urlsplit(origin).netloc != request.host or not validate_host(domain, settings.ALLOWED_HOSTS):
        raise ForeignOrigin


def _by_api_token(authorization: str) -> User:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "token" or not token.strip():
        raise NotSignedIn
    try:
        user, _token = TokenAuthentication().authenticate_credentials(token.strip().encode())
    except (AuthenticationFailed, UnicodeDecodeError):
        raise NotSignedIn from None
    return user  # type: ignore[no-any-return]


def _by_session(key: str) -> User:
    http = HttpRequest()
    http.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(http)
    if not isinstance(user, User) or not user.is_active:
        raise NotSignedIn
    return user
