"""API tokens of a person: made, listed and revoked on the account page. The secret is shown once and stored as its digest."""

from __future__ import annotations

from django.contrib.auth.models import User
from knox.models import AuthToken

MOST = 20


def create_token(user: User) -> str:
    """Return the secret of a new token; it cannot be read again."""
    _token, secret = AuthToken.objects.create(user=user)
    return str(secret)


def revoke_token(user: User, *, token_key: str) -> bool:
    """Revoke a person's token by the first characters that the list shows. Return False when it was gone already."""
    deleted, _ = AuthToken.objects.filter(user=user, token_key=token_key).delete()
    return bool(deleted)
