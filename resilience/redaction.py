"""Cut secrets out of what is kept and shown: by the name they stand under, and by how they look."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

HIDDEN = "…"
_NAMES = r"(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|signature|credential|authorization|cookie|sessionid|csrftoken)"
_IS_NAME = re.compile(rf"(?:^|[_-]){_NAMES}s?(?:$|[_-])", re.I)

# By how they look: our resume and webhook tokens, JSON web tokens, headers, AWS key ids, and whatever stands behind the name of a secret.
SECRETS: tuple[Rule, ...] = (
    (re.compile(r"\bupt_[A-Za-z0-9_-]+"), "upt_…"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), "whsec_…"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "<token>"),
    (re.compile(r"\b(Token|Bearer|Basic)\s+[\w.~+/=-]{8,}", re.I), r"\1 …"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "<AWS key>"),
    (re.compile(rf"((?:\b|[_-]){_NAMES}[\"']?\s*[:=]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)", re.I), r"\1…"),
)
_LOGIN = re.compile(r"(\w+://)[^\s/@\"'<>]+@")


def without_secrets(text: str) -> str:
    """Return the text without tokens, keys, passwords and logins in addresses. Everything else stays: operators need it."""
    text = _LOGIN.sub(r"\1", text)
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


def payload_without_secrets(value: Any) -> Any:
    """Return a JSON value in which what stands under the name of a secret is hidden, and every text is without secrets."""
    if isinstance(value, dict):
        return {str(name): HIDDEN if _IS_NAME.search(str(name)) and inner else payload_without_secrets(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [payload_without_secrets(inner) for inner in value]
    return without_secrets(value) if isinstance(value, str) else value
