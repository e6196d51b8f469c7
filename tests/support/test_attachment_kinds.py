"""What may lie in a ticket, by content alone."""

from __future__ import annotations

import pytest

from uploads.attachments.kinds import is_text, kind_of
from uploads.attachments.policy import refusal_of_attachment

ELF = b"\x7fELF\x02\x01\x01" + bytes(64)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "PNG picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "JPEG picture"),
        (b"GIF89a\x01\x00\x01\x00\x80\x00", "GIF picture"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "WebP picture"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF document"),
        (b"2026-11-21 \x1b[31mERROR\x1b[0m it stopped\r\n", "Text"),
        ("Grüße aus Köln".encode("latin-1"), "Text"),
        ("Grüße".encode("utf-16"), "Text"),
        (b'{"size": 12}', "Text"),
        (b"<34>1 2026-11-21T10:00:00Z host app - it stopped", "Text"),
        (b"MZ is how this note begins", "Text"),
        (b"a < b and b > c", "Text"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "Video or sound (mp4)"),
        (b"OggS\x00\x02" + bytes(20), "Video or sound (ogg)"),
    ],
)
def test_what_is_harmless_is_known_by_its_content(start: bytes, words: str) -> None:
    assert kind_of(start).words == words
    assert refusal_of_attachment(start, name="x") is None


@pytest.mark.parametrize(
    "start",
    [
        b"<!DOCTYPE html><html>",
        b"\xef\xbb\xbf \r\n\t<HTML><script>alert(1)</script>",
        "<html>".encode("utf-16"),
        b"<!-- nothing to see --><script>",
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"<svg onload=alert(1)>",
        b"<?php system($_GET[0]);",
        b"<% out %>",
        b"<a href=x>",
        b"#!/bin/sh\nrm -rf /",
        b"MZ\x90\x00\x03\x00\x00\x00",
        ELF,
        b"\xcf\xfa\xed\xfe\x07\x00\x00\x01",
        b"PK\x03\x04\x14\x00\x06\x00",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\x1f\x8b\x08\x00",
        b"{\\rtf1\\ansi",
        b"L\x00\x00\x00\x01\x14\x02\x00\x00\x00",
    ],
)
def test_what_a_machine_would_run_is_refused_whatever_its_name(start: bytes) -> None:
    error = refusal_of_attachment(start, name="holiday.png")
    assert error is not None
    assert error.code == "UPLOAD_ATTACHMENT_HARMFUL"
    assert "holiday.png is a" in error.detail


def test_what_nobody_knows_is_refused_too() -> None:
    error = refusal_of_attachment(bytes(range(256)), name="data.txt")
    assert error is not None
    assert error.code == "UPLOAD_ATTACHMENT_UNKNOWN"


def test_text_is_text_to_its_end() -> None:
    assert is_text([b"a log\n", b"goes on\n"])
    assert is_text(["höher".encode("utf-16")[:5], "höher".encode("utf-16")[5:]])
    assert not is_text([b"a log\n", b"\x00\x01\x02"])
    assert not is_text(["a\x00b".encode("utf-16")])
