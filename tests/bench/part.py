"""What a part of `make bench` stands on: a private PostgreSQL with our tables, Django set up, and everything removed afterwards.

    from tests.bench import part  # first: it chooses the database

    def main(scale: float) -> None: ...

    if __name__ == "__main__":
        part.run(main)

Processes a part starts find the same database through the environment (DATABASE_URL, VAR_DIR).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import urlsplit

import tests.embedded_postgres as private


def run(main: Callable[[float], None]) -> None:
    """Run `main` with BENCH_SCALE against a database made for it."""
    import django

    try:
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        django.setup()
        from django.conf import settings
        from django.db import connections

        database = connections["default"]
        name = database.settings_dict["NAME"]
        made = database.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        os.environ["DATABASE_URL"] = settings.DATABASE_URL = urlsplit(settings.DATABASE_URL)._replace(path=f"/{made}").geturl()
        try:
            main(float(os.environ.get("BENCH_SCALE", "1")))
        finally:
            connections.close_all()
            database.creation.destroy_test_db(name, verbosity=0)
    finally:
        private.remove()
