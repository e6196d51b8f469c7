"""What production gets wrong, found before it starts: `manage.py check --deploy`.

Only what settings tell; what must be asked of the machine is `manage.py doctor`'s.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from resilience import faults


@register(Tags.security, deploy=True)
def production(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not settings.PRODUCTION:
        return []
    return [*_debug(), *_hosts(), *_mail(), *_address(), *_limits(), *_cache()]


def _debug() -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [
        Error("DEBUG is on in production: fault pages would show the inside to everybody.", hint="Remove DEBUG from the environment.", id="resilience.E001")
    ]


def _mail() -> list[CheckMessage]:
    if "smtp" not in settings.MAIL_DELIVERY:
        return [
            Error(
                "Letters go to files in production: nobody would get the one that confirms an address.",
                hint="Set EMAIL_HOST=smtp.example.org.",
                id="resilience.E002",
            )
        ]
    if "@localhost" in settings.DEFAULT_FROM_EMAIL:
        return [
            Warning(
                f"Letters come from {settings.DEFAULT_FROM_EMAIL}: most mail servers refuse that.",
                hint="Set DEFAULT_FROM_EMAIL='Holdfast <holdfast@example.org>'.",
                id="resilience.W001",
            )
        ]
    return []


def _hosts() -> list[CheckMessage]:
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "ALLOWED_HOSTS takes any name: letters and links could be made to point elsewhere.",
            hint="List the names people use: ALLOWED_HOSTS=holdfast.example.org.",
            id="resilience.E003",
        )
    ]


def _address() -> list[CheckMessage]:
    if settings.BASE_URL.startswith("https://"):
        return []
    return [
        Error(
            f"BASE_URL is {settings.BASE_URL}: links would not be https, and forms sent from the real address would be refused.",
            hint="Set BASE_URL=https://holdfast.example.org.",
            id="resilience.E004",
        )
    ]


def _limits() -> list[CheckMessage]:
    if settings.RATE_LIMITS:
        return []
    return [Warning("Rate limits are off in production: passwords can be tried at leisure.", hint="Remove RATE_LIMITS=no.", id="resilience.W002")]


def _cache() -> list[CheckMessage]:
    """Rate limits are counted in the cache: one in each process lets a client through once per process."""
    processes = int(os.environ.get("WEB_WORKERS") or 2)  # as config/gunicorn.py reads it
    if processes == 1 or "locmem" not in settings.CACHES["default"]["BACKEND"]:
        return []
    return [
        Warning(
            f"The cache lives in each web process, and there are {processes}: rate limits let {processes} times as much through.",
            hint="Set CACHE_URL=redis://host:6379/0, or run one web process (WEB_WORKERS=1).",
            id="resilience.W003",
        )
    ]


@register(Tags.compatibility)
def leases(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A lease that ends before its second heartbeat would be lost to one slow statement."""
    if settings.TASK_LEASE_SECONDS >= 2 * settings.TASK_HEARTBEAT_SECONDS:
        return []
    return [
        Error(
            f"A task's lease ({settings.TASK_LEASE_SECONDS} s) is shorter than two heartbeats ({settings.TASK_HEARTBEAT_SECONDS} s each).",
            hint="Make TASK_LEASE_SECONDS at least twice TASK_HEARTBEAT_SECONDS.",
            id="resilience.E010",
        )
    ]


@register(Tags.security)
def no_faults(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Nothing is armed in production, whatever the environment asks for; that it asks is a mistake somebody should hear of."""
    if not (settings.PRODUCTION and faults.wanted()):
        return []
    return [
        Error(
            f"{faults.PLAN} or {faults.RECORD} is set in production: they break things on purpose, for tests.",
            hint=f"Remove {faults.PLAN} and {faults.RECORD} from the environment.",
            id="resilience.E020",
        )
    ]
