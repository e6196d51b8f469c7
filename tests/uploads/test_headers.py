"""Reading what strangers send: numbers, metadata, names and ranges, for every input there is."""

from __future__ import annotations

import base64
import contextlib
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploads.errors import HeaderInvalid, MetadataInvalid, RangeInvalid
from uploads.protocol.headers import MOST, Headers
from uploads.protocol.metadata import parse_metadata
from uploads.protocol.ranges import parse_range
from uploads.services.clean import NAME_LENGTH, clean_file_name, extension

KEYS = st.text(alphabet="".join(sorted(set(map(chr, range(33, 127))) - {","})), min_size=1, max_size=20)


@given(st.integers(min_value=0, max_value=MOST))
def test_every_number_up_to_the_largest_is_read(number: int) -> None:
    assert Headers([(b"Upload-Length", str(number).encode())]).number("upload-length") == number


@given(st.text(max_size=30))
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        headers = Headers([(b"upload-offset", text.encode("latin-1"))])
        plain = text.strip()
        if plain and all(character in string.digits for character in plain) and len(plain) <= 19 and int(plain) <= MOST:
            assert headers.number("Upload-Offset") == int(plain)
        else:
            with pytest.raises(HeaderInvalid):
                headers.number("Upload-Offset")


def test_a_number_given_twice_is_refused() -> None:
    with pytest.raises(HeaderInvalid):
        Headers([(b"Upload-Offset", b"1"), (b"upload-offset", b"1")]).number("Upload-Offset")


@given(st.dictionaries(KEYS, st.binary(max_size=50), max_size=5))
def test_metadata_comes_back_as_it_was(pairs: dict[str, bytes]) -> None:
    header = ",".join(f"{key} {base64.b64encode(value).decode()}" if value else key for key, value in pairs.items())
    assert parse_metadata(header) == pairs


@given(st.text(max_size=80))
def test_any_metadata_is_parsed_or_refused_and_nothing_else(header: str) -> None:
    try:
        pairs = parse_metadata(header)
    except MetadataInvalid:
        return
    assert all(key and " " not in key and "," not in key and key.isascii() for key in pairs)


@given(st.text(max_size=400))
def test_a_cleaned_name_is_short_printable_and_no_path(raw: str) -> None:
    name = clean_file_name(raw)
    assert len(name) <= NAME_LENGTH
    assert not set(name) & set("/\\\u202e\u2066\x00\n")
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)


def test_a_name_keeps_its_ending_and_loses_its_folders() -> None:
    assert clean_file_name("../../etc/" + "a" * 300 + ".mp4").endswith("a.mp4")
    assert clean_file_name("C:\\films\\holi\u202eday.mp4") == "holiday.mp4"
    assert (extension("A.MP4"), extension("noending"), extension(".mp4"), extension("a.b c")) == ("mp4", "", "", "")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-0", (0, 0)), ("bytes=2-", (2, 9)), ("bytes=2-99", (2, 9)), ("bytes=-4", (6, 9)), ("bytes=-99", (0, 9)),
        ("", None), ("bytes=", None), ("bytes=-", None), ("bytes=5-2", None), ("bytes=0-1,4-5", None), ("items=0-1", None),
    ],
)  # fmt: skip
def test_a_range_of_ten_bytes(header: str, found: tuple[int, int] | None) -> None:
    assert parse_range(header, length=10) == found


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_the_file_is_refused(header: str) -> None:
    with pytest.raises(RangeInvalid):
        parse_range(header, length=10)
