"""Names of objects. Everything of one upload lies under its storage key, so that nothing of it is ever looked for anywhere else."""

from __future__ import annotations

from django.conf import settings


def folder(key: str) -> str:
    return f"{settings.S3_PREFIX}{key}/"


def whole(key: str) -> str:
    """The object the multipart upload becomes."""
    return f"{folder(key)}file"


def tail(key: str, unique: str) -> str:
    """A tail; `unique` is new for each that is put, so that none is ever overwritten."""
    return f"{folder(key)}tail-{unique}"


def is_tail(name: str) -> bool:
    return bool(owner(name)) and name.rpartition("/")[2].startswith("tail-")


def owner(name: str) -> str:
    """Return the storage key an object belongs to; empty for one that is not ours."""
    inside = name.removeprefix(settings.S3_PREFIX) if name.startswith(settings.S3_PREFIX) else ""
    key, slash, _rest = inside.partition("/")
    return key if slash else ""
