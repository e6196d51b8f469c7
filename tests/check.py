"""`make check`: format, lint, types, templates, migrations, API schema, deploy check. Runs all, then says which failed."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time

import tests.embedded_postgres as private  # a private PostgreSQL for the checks that want one

PYTHON = sys.executable
PRODUCTION = {
    "PROFILE": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "BASE_URL": "https://holdfast.example",
    "ALLOWED_HOSTS": "holdfast.example",
    "EMAIL_HOST": "mail.holdfast.example",
    "DEFAULT_FROM_EMAIL": "Holdfast <holdfast@holdfast.example>",
    "CACHE_URL": "redis://127.0.0.1:6379/0",
}
CHECKS: list[tuple[str, list[str], dict[str, str]]] = [
    ("format", ["-m", "ruff", "format", "--check", "--quiet", "."], {}),
    ("lint", ["-m", "ruff", "check", "--quiet", "."], {}),
    ("types", ["-m", "mypy", "."], {}),
    ("cloudformation", ["-c", "from cfnlint.runner import main; main()", "--include-checks", "I", "--", "deploy/aws/holdfast.yaml"], {}),
    ("templates", ["-m", "djlint", "templates", "--lint", "--quiet"], {}),
    ("migrations", ["manage.py", "makemigrations", "--check", "--dry-run"], {}),
    ("system", ["manage.py", "check", "--fail-level", "WARNING"], {}),
    ("deploy", ["manage.py", "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
    ("schema", ["manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull], {}),
]


def main() -> int:
    failed = []
    for name, command, environment in CHECKS:
        started = time.monotonic()
        done = subprocess.run([PYTHON, *command], env=os.environ | environment, capture_output=True, text=True, check=False)
        print(f"  {'ok    ' if done.returncode == 0 else 'FAILED'} {name:<14} {time.monotonic() - started:5.1f} s", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout + done.stderr)
    print(f"Failed: {', '.join(failed)}" if failed else "All clean.")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        status = main()
    finally:
        private.remove()
    sys.exit(status)
