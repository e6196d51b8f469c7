from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import AuthToken


class Command(BaseCommand):
    help = "Print a new API token of a person. It is shown once; send it as `Authorization: Token …`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the e-mail address the person signs in with")
        parser.add_argument("--revoke-all", action="store_true", help="end every token of this person instead of making one")

    def handle(self, *args: Any, **options: Any) -> None:
        email = str(options["email"]).strip()
        people = list(User.objects.filter(email__iexact=email, is_active=True)[:2])
        if not people:
            raise CommandError(f"Nobody signs in as {email}. Sign up on the website first, or make a person with `manage.py createsuperuser`.")
        if len(people) > 1:
            raise CommandError(f"More than one person has the address {email}; give each an address of its own in the admin first.")
        if options["revoke_all"]:
            count, _ = AuthToken.objects.filter(user=people[0]).delete()
            self.stdout.write(f"{count} tokens ended.")
            return
        _, secret = AuthToken.objects.create(people[0])
        self.stdout.write(secret)
