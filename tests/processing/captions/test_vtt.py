"""What a service said becomes plain WebVTT."""

from __future__ import annotations

import pytest

from processing.captions.base import Cue
from processing.captions.vtt import as_vtt, cues_in, language_tag


def test_only_words_and_times_are_kept() -> None:
    head = "WEBVTT\r\n\r\nSTYLE\r\n::cue { background: url(x) }\r\n\r\nNOTE by us\r\n\r\n"
    text = head + "1\r\n00:01.000 --> 00:02.500 line:0\r\n<v Anna>Hello &amp;\r\n<i>you</i>\r\n"
    assert cues_in(text) == [Cue(1.0, 2.5, "Hello & you")]
    assert cues_in("1\n01:00:00,5 --> 01:00:01,5\nSRT\n") == [Cue(3600.5, 3601.5, "SRT")]
    assert cues_in("") == []


def test_what_is_written_can_be_read() -> None:
    cues = [Cue(2.0, 1.0, "late"), Cue(0.0, 1.0, "a --> b\n\n<script>"), Cue(3.0, 4.0, "  "), Cue(-1.0, 0.5, "early")]
    text = as_vtt(cues)
    assert cues_in(text) == [Cue(0.0, 0.5, "early"), Cue(0.0, 1.0, "a --> b <script>"), Cue(2.0, 2.2, "late")]
    assert "<script>" not in text


@pytest.mark.parametrize(
    ("said", "tag"), [("english", "en"), ("German", "de"), ("de-AT", "de-AT"), ("en-US", "en-US"), ("", ""), ('x"><script>', ""), ("klingon language", "")]
)
def test_languages(said: str, tag: str) -> None:
    assert language_tag(said) == tag
