"""Who may ask for a direct upload's parts: its resume token, its owner's API token, or its owner's cookie sent from our own pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from uploads.endpoint.auth import require_own_origin
from uploads.errors import UploadNotFound
from uploads.models import UploadSession
from uploads.protocol.headers import Headers
from uploads.protocol.requests import Request as UploadRequest
from uploads.services.tokens import ANY_SCOPE, resolve


class OwnPageAuthentication(SessionAuthentication):
    """A cookie from our own pages. Uppy sends no CSRF token; as at /files/, the browser's word on where a request comes from takes its place."""

    def enforce_csrf(self, request: Request) -> None:
        """Raises: ForeignOrigin."""
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in request.headers.items()]
        require_own_origin(UploadRequest(method=str(request.method), segment="", headers=Headers(raw), host=request.get_host(), is_head=False))


class ResumeTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer upt_…`: the authority over one upload. Whether it holds is asked with the upload and the scope (`find`)."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return resolve(secret.strip(), ANY_SCOPE).session.owner, secret.strip()

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class OwnPageScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call,misc] # registered by being defined
    target_class = OwnPageAuthentication
    name = "ownPageCookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        from django.conf import settings

        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class ResumeTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call,misc]
    target_class = ResumeTokenAuthentication
    name = "resumeToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Bearer` and an upload's resume token (`upt_…`)."}


def find(request: Request, public_id: str, scope: str) -> UploadSession:
    """Return the upload a request may act on.

    Args:
        scope: append, status or cancel; what a resume token must hold. An owner holds all.

    Raises:
        UploadNotFound: unknown, somebody else's, or the token is for another upload. ScopeMissing: it was made for less.
    """
    if isinstance(request.auth, str):
        return resolve(request.auth, scope, public_id=public_id).session
    session = UploadSession.objects.filter(owner_id=request.user.pk, public_id=public_id).first()
    if session is None:
        raise UploadNotFound
    return session
