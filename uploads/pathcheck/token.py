"""An API token for the time of a check, so that an operator on the server need not have one at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from knox.models import AuthToken

LIFE = timedelta(minutes=10)  # should we be killed before it is taken back


@contextmanager
def token_for_now() -> Iterator[str]:
    """Give a token of the first administrator, and take it back at the end.

    Raises:
        CommandError: there is no administrator.
    """
    owner = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if owner is None:
        raise CommandError("There is no administrator to make a token for; name one with --token (manage.py api_token EMAIL).", returncode=2)
    made, secret = AuthToken.objects.create(owner, expiry=LIFE)
    try:
        yield secret
    finally:
        made.delete()
