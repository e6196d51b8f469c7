"""Structured fields: exactly right, or not there at all."""

from __future__ import annotations

import base64

import pytest

from uploads.protocol.structured import boolean, dictionary, parse_boolean, parse_byte_dictionary, parse_integer


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("0", 0), ("42", 42), ("-7", -7), (" 5 ", 5), ("007", 7), ("9" * 15, 10**15 - 1), ("1;a", 1), ("1; a=?0;b=2.5", 1), ('1;s="a,\\"b"', 1),
        ("9" * 16, None), ("", None), (None, None), ("1.0", None), ("+1", None), ("1,2", None), ("1 2", None), ("1;", None), ("1;A=2", None),
        ("١", None), ("0x1", None), ("1\t", None), ("--1", None), ('"1"', None),
    ],
)  # fmt: skip
def test_integers(field: str | None, value: int | None) -> None:
    assert parse_integer(field) == value


@pytest.mark.parametrize(
    ("field", "value"), [("?1", True), ("?0", False), ("?1;x", True), ("1", None), ("?2", None), ("true", None), ("?1,?1", None), (None, None)]
)
def test_booleans(field: str | None, value: bool | None) -> None:
    assert parse_boolean(field) is value


def sequence(data: bytes) -> str:
    return f":{base64.b64encode(data).decode()}:"


def test_byte_dictionaries() -> None:
    one, two = sequence(b"one"), sequence(b"two")
    assert parse_byte_dictionary(f"sha-256={one}, sha-512={two}") == {"sha-256": b"one", "sha-512": b"two"}
    assert parse_byte_dictionary(f"a={one},a={two}") == {"a": b"two"}
    assert parse_byte_dictionary(f'x="a, b=:AA==:", flag, n=1.5;p=2, a={one};q=1') == {"a": b"one"}
    assert parse_byte_dictionary("") == {}


@pytest.mark.parametrize("field", ["a=:AA==:,", ",a=:AA==:", "a=:AA==", "a=:A:", "A=:AA==:", "a=:AA==: b=:AA==:", "a=:AA==:, b=é", "a=:====:"])
def test_a_dictionary_with_one_fault_is_no_dictionary(field: str) -> None:
    assert parse_byte_dictionary(field) == {}


def test_writing() -> None:
    assert dictionary({"max-size": 5, "max-age": 0}) == "max-size=5, max-age=0"
    assert (boolean(True), boolean(False)) == ("?1", "?0")
