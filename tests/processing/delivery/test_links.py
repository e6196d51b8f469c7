"""A link opens one file for a while, and nothing about it can be changed."""

from __future__ import annotations

import time
from typing import Any

import pytest

from processing import links
from processing.playlist import duration_of, is_main, names_in, with_addresses

NAME = "vid_a/job_a/att_a/360p/00000.ts"
MEDIA = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.000,\n00000.ts\n#EXTINF:4.5,\n00001.ts\n#EXT-X-ENDLIST\n"


def soon(seconds: int = 60) -> int:
    return int(time.time()) + seconds


def test_a_token_opens_its_file_until_its_end() -> None:
    expires = soon()
    assert links.expiry_of(NAME, links.token_for(NAME, expires=expires)) == expires


def test_it_opens_no_other_file() -> None:
    token = links.token_for(NAME, expires=soon())
    for other in ("vid_b/job_a/att_a/360p/00000.ts", "vid_a/job_a/att_a/360p/00001.ts", "vid_a/job_a/main.m3u8", NAME + "x", "", f"/{NAME}"):
        assert links.expiry_of(other, token) is None


def test_it_is_over_at_its_end() -> None:
    assert links.expiry_of(NAME, links.token_for(NAME, expires=int(time.time()))) is None
    assert links.expiry_of(NAME, links.token_for(NAME, expires=soon(-600))) is None


def test_its_end_cannot_be_moved() -> None:
    expires = soon()
    _, _, mark = links.token_for(NAME, expires=expires).partition(".")
    assert links.expiry_of(NAME, f"{expires + 1:x}.{mark}") is None


@pytest.mark.parametrize("token", ["", ".", "a.b", "zz.AAAAAAAAAAAAAAAAAAAAAA", "6" * 40 + "." + "A" * 22, "65.AAAAAAAAAAAAAAAAAAAAAA\n", "ff.ümlaut", "\x00"])
def test_what_is_no_token_opens_nothing(token: str) -> None:
    assert links.expiry_of(NAME, token) is None


def test_a_key_that_was_replaced_counts_as_long_as_it_is_named(settings: Any) -> None:
    expires = soon()
    token = links.token_for(NAME, expires=expires)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert links.expiry_of(NAME, token) == expires
    settings.SECRET_KEY_FALLBACKS = []
    assert links.expiry_of(NAME, token) is None


def test_what_is_needed_later_works_for_longer(settings: Any) -> None:
    settings.PLAYBACK_LINK_SECONDS = 300
    assert (links.life_at(0), links.life_at(600), links.life_at(-1)) == (300, 1500, 300)
    assert links.life_at(10**9) == links.LONGEST_SECONDS


def test_every_name_in_a_playlist_gets_an_address() -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n' + MEDIA.removeprefix("#EXTM3U\n")
    made = with_addresses(text, folder="vid/job/att/360p", address=lambda name, ends: f"<{name}@{ends:g}>")
    assert '#EXT-X-MAP:URI="<vid/job/att/360p/init.mp4@0>"' in made
    assert "<vid/job/att/360p/00000.ts@6>" in made
    assert "<vid/job/att/360p/00001.ts@10.5>" in made
    assert made.count("\n") == text.count("\n")
    assert duration_of(text) == 10.5
    assert names_in(text, folder="v/j")[0] == "v/j/init.mp4"
    assert not is_main(text)


@pytest.mark.parametrize("line", ["../../../other/x.ts", "/etc/passwd", "https://elsewhere.example/x.ts", "file:x.ts", "../../../../x.ts"])
def test_a_playlist_that_names_what_is_not_its_videos_is_not_handed_out(line: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        with_addresses(f"#EXTM3U\n{line}\n", folder="vid/job/att", address=lambda name, _: name)
