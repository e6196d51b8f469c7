"""Cut out of a text what support staff must not see: secrets, our machines' insides, other people."""

from __future__ import annotations

import re
from typing import Any

from resilience.redaction import SECRETS, Rule

# In this order: whole addresses before the parts they are made of.
_RULES: tuple[Rule, ...] = (
    (re.compile(r"\b(?:postgres(?:ql)?|redis|rediss|amqps?|smtps?|mongodb)://[^\s\"'<>]+", re.I), "<address of a service>"),
    (re.compile(r"\barn:aws[\w-]*:[^\s\"'<>,;]+"), "<AWS resource>"),
    (re.compile(r"\bs3[an]?://[^\s\"'<>]+", re.I), "<storage address>"),
    (re.compile(r"https?://(?:[\w.-]+\.)?s3[\w.-]*\.amazonaws\.com[^\s\"'<>]*", re.I), "<storage address>"),
    (re.compile(r"https?://[\w.-]+\.(?:mediaconvert|sqs|sns|sts|events)[\w.-]*\.amazonaws\.com[^\s\"'<>]*", re.I), "<AWS address>"),
    (re.compile(r"(https?://)[^\s/@\"'<>]+@", re.I), r"\1"),
    (re.compile(r"(https?://[^\s?#\"'<>]+)[?#][^\s\"'<>]+", re.I), r"\1?…"),
    (re.compile(r"(bucket(?:[ _-]?name)?[\"']?\s*[:=]\s*[\"']?)[a-z0-9][a-z0-9.-]{2,62}\b", re.I), r"\1<bucket>"),
    (re.compile(r"(bucket\s+[\"'])[^\"'\n]+", re.I), r"\1<bucket>"),
    (re.compile(r"(bucket\s+)(?=[a-z0-9.-]*[.-][a-z0-9])[a-z0-9][a-z0-9.-]{2,62}\b", re.I), r"\1<bucket>"),
    (re.compile(r"\bfile:/+(?:[^\s/\"'<>]+/)*", re.I), "…/"),
    *SECRETS,
    (re.compile(r"\b[0-9a-f]{40,}\b", re.I), "<hash or key>"),
    (re.compile(r"(['\"])(?:/[^'\"\n]*?|[A-Za-z]:\\[^'\"\n]*?)([^/\\'\"\n]+)\1"), r"\1…/\2\1"),
    (re.compile(r"\b[A-Za-z]:\\(?:[^\\\s:*?\"<>|]+\\)*"), "…/"),
    (re.compile(r"(?<![\w./:…])/(?:[^\s/:,;'\"<>()\[\]]+/)+"), "…/"),
    (re.compile(r"(?<![\w./:…])~[\w-]*/(?:[^\s/:,;'\"<>()\[\]]+/)*"), "…/"),
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def redact(text: str, *, own_email: str = "") -> str:
    """Return the text without secrets, absolute paths, storage addresses, AWS names and other people's e-mail addresses.

    Args:
        own_email: the owner's address, which stays.
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _EMAIL.sub(lambda found: found[0] if found[0].lower() == own_email.lower() else "<e-mail>", text)


def redact_all(value: Any, *, own_email: str = "") -> Any:
    """Return a JSON value with every text in it redacted, keys of objects included."""
    if isinstance(value, str):
        return redact(value, own_email=own_email)
    if isinstance(value, dict):
        return {redact(str(key), own_email=own_email): redact_all(inner, own_email=own_email) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(inner, own_email=own_email) for inner in value]
    return value
