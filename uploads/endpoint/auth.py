"""Who may create an upload: an API token, or a signed-in person's cookie sent from our own pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hmac import compare_digest
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed

from resilience.http.errors import NotSignedIn
from resilience.statements import fetch
from uploads.errors import ForeignOrigin
from uploads.protocol.requests import Request
from uploads.together import Call, together

_OWNERS = """
SELECT t.token_key, t.digest, t.user_id, t.expiry IS NULL
  FROM knox_authtoken t JOIN auth_user u ON u.id = t.user_id
 WHERE t.token_key = ANY(%s) AND u.is_active
"""


def authenticate(request: Request, *, by_preflight: bool = True) -> User:
    """Return the person behind a request. Asks the database.

    Args:
        by_preflight: the request has a header that no page can send to another site unasked.

    Raises:
        NotSignedIn: neither a valid API token nor a session.
        ForeignOrigin: a session cookie, but sent by another site's page.
    """
    if request.headers.text("Authorization"):
        return _by_api_token(api_token_of(request))
    key = parse_cookie(request.headers.text("Cookie")).get(settings.SESSION_COOKIE_NAME, "")
    if not key:
        raise NotSignedIn
    require_own_origin(request, by_preflight=by_preflight)
    return _by_session(key)


def _owners_of_tokens(calls: Sequence[Call]) -> list[int | None]:
    """Answer calls of `owner_of_token`."""
    texts = [call.args[0] for call in calls]
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in fetch(_OWNERS, list({text[: CONSTANTS.TOKEN_KEY_LENGTH] for text in texts})):
        found.setdefault(row[0], []).append(row[1:])
    return [_owner_of(text, found.get(text[: CONSTANTS.TOKEN_KEY_LENGTH], ())) for text in texts]


def _owner_of(text: str, rows: Iterable[tuple[Any, ...]]) -> int | None:
    digest = hash_token(text) if rows else ""
    return next((owner_id for kept, owner_id, lasting in rows if lasting and compare_digest(digest, kept)), None)


@together(_owners_of_tokens)
def owner_of_token(token: str) -> int | None:
    """Return whose API token this is: its active owner's primary key. Asked anew for every request, so a token revoked is over at once.

    None also for a token with an end of its own, which knox judges, renews or clears away.
    """
    return _owners_of_tokens([Call((token,), {}, "")])[0]


def api_token_of(request: Request) -> str:
    """Return the API token a request carries; "" when it carries none."""
    scheme, _, token = request.headers.text("Authorization").partition(" ")
    return token.strip() if scheme.lower() == "token" and token.isascii() else ""


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


def _by_api_token(token: str) -> User:
    if not token:
        raise NotSignedIn
    try:
        user, _token = TokenAuthentication().authenticate_credentials(token.encode())
    except AuthenticationFailed:
        raise NotSignedIn from None
    return user  # type: ignore[no-any-return]


def _by_session(key: str) -> User:
    http = HttpRequest()
    http.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(http)
    if not isinstance(user, User) or not user.is_active:
        raise NotSignedIn
    return user
