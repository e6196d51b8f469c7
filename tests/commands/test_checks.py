"""System checks: what production gets wrong has an id, a reason and a hint; a right production is free of them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resilience import checks

ROOT = Path(__file__).parent.parent.parent
PRODUCTION = {
    "PROFILE": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "BASE_URL": "https://holdfast.example",
    "ALLOWED_HOSTS": "holdfast.example",
    "EMAIL_HOST": "mail.holdfast.example",
    "DEFAULT_FROM_EMAIL": "Holdfast <holdfast@holdfast.example>",
    "CACHE_URL": "redis://127.0.0.1:6379/0",
}


@pytest.fixture
def production(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings of a production without a fault."""
    monkeypatch.setenv("WEB_WORKERS", "1")
    settings.PRODUCTION = True
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["holdfast.example"]
    settings.MAIL_DELIVERY = "django.core.mail.backends.smtp.EmailBackend"
    settings.DEFAULT_FROM_EMAIL = "holdfast@holdfast.example"
    settings.BASE_URL = "https://holdfast.example"
    settings.RATE_LIMITS = True
    return settings


def found() -> list[str]:
    messages = checks.production(None)
    assert all(message.hint for message in messages)
    return [str(message.id) for message in messages]


def test_a_right_production_is_left_alone(production: Any) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("DEBUG", True, "resilience.E001"),
        ("MAIL_DELIVERY", "django.core.mail.backends.filebased.EmailBackend", "resilience.E002"),
        ("ALLOWED_HOSTS", ["*"], "resilience.E003"),
        ("BASE_URL", "http://holdfast.example", "resilience.E004"),
        ("DEFAULT_FROM_EMAIL", "Holdfast <holdfast@localhost>", "resilience.W001"),
        ("RATE_LIMITS", False, "resilience.W002"),
    ],
)
def test_each_fault_of_a_production_is_found(production: Any, setting: str, value: object, code: str) -> None:
    setattr(production, setting, value)
    assert found() == [code]


def test_a_cache_of_each_process_is_found_where_there_are_several(production: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_WORKERS", "4")
    assert found() == ["resilience.W003"]
    monkeypatch.delenv("WEB_WORKERS")
    assert found() == ["resilience.W003"], "gunicorn starts two unless told otherwise"


def test_a_laptop_is_no_production(settings: Any) -> None:
    settings.DEBUG = True
    assert found() == []


def test_a_lease_shorter_than_two_heartbeats_is_found(settings: Any) -> None:
    assert checks.leases(None) == []
    settings.TASK_LEASE_SECONDS = 15
    assert [message.id for message in checks.leases(None)] == ["resilience.E010"]


def deploy_check(**changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=os.environ | PRODUCTION | changed, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_check_deploy_is_free_of_warnings_with_production_settings() -> None:
    done = deploy_check()
    assert done.returncode == 0, done.stderr


def test_check_deploy_stops_a_wrong_production() -> None:
    done = deploy_check(DEFAULT_FROM_EMAIL="", BASE_URL="http://holdfast.example")
    assert done.returncode == 1
    assert "resilience.W001" in done.stderr
    assert "resilience.E004" in done.stderr
