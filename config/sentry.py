"""Sentry, only when a DSN is set. What leaves the house carries no personal data, no tokens, no signed addresses."""

from __future__ import annotations

from typing import Any

import structlog

from config.logs import redact

_PRIVATE_KEYS = ("authorization", "cookie", "token", "password", "secret", "email", "x-csrftoken", "set-cookie", "dsn", "signature")


def scrub(value: Any, key: str = "") -> Any:
    """Return `value` without secrets: whole values under private keys, tokens within texts, query strings of addresses."""
    if any(private in key.lower() for private in _PRIVATE_KEYS):
        return "[removed]"
    if isinstance(value, dict):
        return {name: scrub(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrub(inner, key) for inner in value]
    if isinstance(value, str):
        text = redact(value)
        return text.split("?", 1)[0] if "://" in text and "?" in text else text
    return value


def before_send(event: Any, _hint: Any) -> Any:
    scrubbed = scrub(event)
    scrubbed.pop("user", None)
    request = scrubbed.get("request")
    if isinstance(request, dict):
        for part in ("data", "cookies", "query_string", "env"):
            request.pop(part, None)
    scrubbed.setdefault("tags", {})["request_id"] = structlog.contextvars.get_contextvars().get("request_id", "")
    return scrubbed


def start_sentry(dsn: str, *, release: str, environment: str, transport: Any = None) -> None:
    import sentry_sdk
    from sentry_sdk.integrations.django import DjangoIntegration

    sentry_sdk.init(
        dsn=dsn,
        release=release,
        environment=environment,
        transport=transport,
        integrations=[DjangoIntegration()],
        traces_sample_rate=0.1,
        before_send=before_send,
        before_send_transaction=before_send,
        include_local_variables=False,
    )
