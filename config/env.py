"""Typed settings from environment variables. A bad value stops the start with its name, the reason and an example."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

_SIZE_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class SettingError(ImproperlyConfigured):
    """A setting has a value we cannot use."""

    def __init__(self, name: str, value: str, reason: str, example: str) -> None:
        self.name = name
        super().__init__(f"The setting {name} is {value!r}, which {reason}. Example: {name}={example}")


def _read(name: str, default: T, convert: Callable[[str], T], reason: str, example: str) -> T:
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        return convert(raw)
    except (ValueError, KeyError):
        raise SettingError(name, raw, reason, example) from None


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool) -> bool:
    table = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    return _read(name, default, lambda raw: table[raw.lower()], "is neither yes nor no", "yes")


def integer(name: str, default: int, *, minimum: int = 0, maximum: int = 2**63 - 1) -> int:
    def convert(raw: str) -> int:
        value = int(raw)
        if not minimum <= value <= maximum:
            raise ValueError(raw)
        return value

    return _read(name, default, convert, f"is not a whole number from {minimum} to {maximum}", str(default))


def number(name: str, default: float, *, minimum: float = 0.0, maximum: float = 1e9) -> float:
    def convert(raw: str) -> float:
        value = float(raw)
        if not minimum <= value <= maximum:
            raise ValueError(raw)
        return value

    return _read(name, default, convert, f"is not a number from {minimum:g} to {maximum:g}", f"{default:g}")


def size(name: str, default: int) -> int:
    """A number of bytes: `52428800`, `50 MiB`, `2GB`."""

    def convert(raw: str) -> int:
        match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", raw)
        if match is None:
            raise ValueError(raw)
        return int(match[1]) * _SIZE_UNITS[match[2].upper()]

    return _read(name, default, convert, "is not a size in bytes, KiB, MiB or GiB", "2GiB")


def choice(name: str, default: str, options: Sequence[str]) -> str:
    def convert(raw: str) -> str:
        if raw not in options:
            raise ValueError(raw)
        return raw

    return _read(name, default, convert, f"is none of {', '.join(options)}", options[0])


def listing(name: str, default: Sequence[str] = ()) -> list[str]:
    raw = os.environ.get(name, "")
    return [item.strip() for item in raw.split(",") if item.strip()] or list(default)


def mapping(name: str, example: str) -> dict[str, str]:
    """Pairs: `one=this,other=that`."""

    def convert(raw: str) -> dict[str, str]:
        pairs = [item.partition("=") for item in raw.split(",") if item.strip()]
        if not all(key.strip() and value.strip() for key, _, value in pairs):
            raise ValueError(raw)
        return {key.strip(): value.strip() for key, _, value in pairs}

    return _read(name, {}, convert, "is not a list of name=value", example)


def path(name: str, default: Path) -> Path:
    return _read(name, default, lambda raw: Path(raw).expanduser(), "is not a path", str(default.name)).absolute()


def url(name: str, default: str = "", *, schemes: Sequence[str]) -> str:
    def convert(raw: str) -> str:
        if urlsplit(raw).scheme not in schemes:
            raise ValueError(raw)
        return raw

    return _read(name, default, convert, f"is not an address that starts with {' or '.join(s + '://' for s in schemes)}", f"{schemes[0]}://host/…")


def database(address: str) -> dict[str, object]:
    """Turn `postgresql://user:password@host:port/name?host=/socket/dir` into Django's dictionary.

    Raises:
        SettingError: another engine, or no database name.
    """
    parts = urlsplit(address)
    name = parts.path.lstrip("/")
    if parts.scheme not in ("postgresql", "postgres") or not name:
        shown = re.sub(r"//[^@/]*@", "//…@", address)
        raise SettingError("DATABASE_URL", shown, "is not a PostgreSQL address with a database name", "postgresql://user:password@127.0.0.1:5432/holdfast")
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(name),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or (parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(options),
    }
