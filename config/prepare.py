"""What must be true before the system starts: tables migrated, static files collected, a first person able to sign in.

Run by the launcher as a process of its own: `python -m config.prepare`. Safe to run any number of times.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import User

FIRST_EMAIL = "you@example.org"


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as wrong:
        print(wrong, file=sys.stderr)
        return 2
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    _first_login()
    return 0


def _first_login() -> None:
    """On an empty installation, make one person who is also staff, and keep the generated password where only we can read it."""
    from django.conf import settings
    from django.contrib.auth.models import User

    kept: Path = settings.VAR_DIR / "login.json"
    if User.objects.exists() or settings.PRODUCTION:
        return
    password = json.loads(kept.read_text())["password"] if kept.exists() and kept.stat().st_size else secrets.token_urlsafe(9)
    kept.touch(mode=0o600)
    kept.write_text(json.dumps({"email": FIRST_EMAIL, "password": password}))  # before the account: a crash here is mended by running again
    _make_person(password)


def _make_person(password: str) -> User:
    from allauth.account.models import EmailAddress
    from django.contrib.auth.models import User
    from django.db import transaction

    with transaction.atomic():
        person = User.objects.create_superuser(username=FIRST_EMAIL, email=FIRST_EMAIL, password=password)
        EmailAddress.objects.create(user=person, email=FIRST_EMAIL, verified=True, primary=True)
    return person


if __name__ == "__main__":
    sys.exit(main())
