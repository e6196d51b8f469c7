"""Structured fields (RFC 9651), as far as uploads need them: integers, booleans and byte sequences.

A field that is not exactly right counts as not sent at all (RFC 9651, 4.2), so nothing here raises.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

_KEY = r"[a-z*][a-z0-9_.*-]*"
_STRING = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_WORD = r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*"
_BARE = rf"(?:-?[0-9]{{1,12}}\.[0-9]{{1,3}}|-?[0-9]{{1,15}}|{_STRING}|{_WORD}|:[A-Za-z0-9+/=]*:|\?[01])"
_PARAMETERS = rf"(?:; *{_KEY}(?:={_BARE})?)*"
_INTEGER = re.compile(rf"(-?[0-9]{{1,15}}){_PARAMETERS}")
_BOOLEAN = re.compile(rf"\?([01]){_PARAMETERS}")
_MEMBER = re.compile(rf"({_KEY})(?:=({_BARE}))?{_PARAMETERS}")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_COMMA = re.compile(r"[ \t]*,[ \t]*")


def parse_integer(field: str | None) -> int | None:
    """Return an Item that is an Integer; its parameters are ignored."""
    match = _INTEGER.fullmatch((field or "").strip(" "))
    return int(match[1]) if match else None


def parse_boolean(field: str | None) -> bool | None:
    """Return an Item that is a Boolean; its parameters are ignored."""
    match = _BOOLEAN.fullmatch((field or "").strip(" "))
    return match[1] == "1" if match else None


def parse_byte_dictionary(field: str) -> dict[str, bytes]:
    """Return a Dictionary of byte sequences, the last of equal keys; empty when any of it is malformed.

    Members of other kinds are left out. Quoted text may hold a comma, so members are matched one after the other, never split.
    """
    found: dict[str, bytes] = {}
    text, position = field.strip(" "), 0
    while position < len(text):
        match = _MEMBER.match(text, position)
        value = _decoded(match[2]) if match else None
        if match is None or value is False:
            return {}
        found.pop(match[1], None)
        if isinstance(value, bytes):
            found[match[1]] = value
        position = match.end()
        if position < len(text):
            comma = _COMMA.match(text, position)
            if comma is None or comma.end() == len(text):
                return {}
            position = comma.end()
    return found


def dictionary(members: Mapping[str, int]) -> str:
    """Write a Dictionary of integers."""
    return ", ".join(f"{key}={value}" for key, value in members.items())


def boolean(value: bool) -> str:
    return "?1" if value else "?0"


def _decoded(bare: str | None) -> bytes | bool | None:
    """Return the bytes of a byte sequence, None for an item of another kind, False for bytes that are not base64."""
    match = _BYTES.fullmatch(bare or "")
    if match is None:
        return None
    try:
        return base64.b64decode(match[1], validate=True)
    except binascii.Error:
        return False
