"""Somebody with a link, and nothing else, plays a video to its end; with anything but the link they see nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client

from processing import links, store
from processing.models import Publication, Rendition
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db

SEGMENTS = 100
MEDIA = "#EXTM3U\n" + "".join(f"#EXTINF:6.0,\n{number:05}.ts\n" for number in range(SEGMENTS)) + "#EXT-X-ENDLIST\n"
MAIN = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001e"\natt/360p/index.m3u8\n'
NOW = 1_999_999_980  # the beginning of a minute


@pytest.fixture
def publication(either_store: str, settings: Any) -> Publication:
    """A film of ten minutes: its playlists and its first and last segment."""
    settings.PLAYBACK_LINK_SECONDS = 300
    job = make_job()
    folder = f"{job.video.public_id}/{job.public_id}"
    texts = {"main-1.m3u8": MAIN, "att/360p/index.m3u8": MEDIA, "att/360p/00000.ts": "first segment", f"att/360p/{SEGMENTS - 1:05}.ts": "last segment"}
    for name, text in texts.items():
        store.put_text(f"{folder}/{name}", text)
    Rendition.objects.create(job=job, rung="360p", state="ready", path=f"{folder}/att/360p/index.m3u8", duration_s=600.0)
    return Publication.objects.create(video=job.video, job=job, playlist=f"{folder}/main-1.m3u8")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock of links, seconds after a moment."""

    def set_to(seconds: float) -> None:
        monkeypatch.setattr(links, "now", lambda: int(NOW + seconds))

    set_to(0)
    return set_to


@dataclass(frozen=True)
class Got:
    status_code: int
    headers: Mapping[str, str]
    text: str


def got(address: str, *, by: Client | None = None, head: bool = False, **headers: str) -> Got:
    """Ask with nothing but an address, or as somebody who is signed in."""
    client = by or Client()
    answer: Any = (client.head if head else client.get)(address, headers=headers or None)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return Got(answer.status_code, answer.headers, content.decode())


def addresses(playlist: str) -> list[str]:
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]


def fetched(address: str) -> tuple[int, str]:
    """Follow an address as a player would, without cookies or headers."""
    if address.startswith("http"):
        answer = requests.get(address, timeout=20)
        return answer.status_code, answer.text
    found = got(address)
    return found.status_code, found.text


def seconds_left(address: str) -> int:
    """How long an address works from now: by its token, or by what S3 reads in it."""
    found = re.search(r"X-Amz-Expires=(\d+)", address)
    return int(found[1]) if found else int(address.rpartition("token=")[2].partition(".")[0], 16) - NOW


def test_a_link_is_all_that_is_needed(publication: Publication) -> None:
    main = got(links.link_to(publication.playlist))
    assert (main.status_code, main.headers["Content-Type"]) == (200, "application/vnd.apple.mpegurl")
    assert main.headers["Cache-Control"] == "private, no-store"
    [rung] = addresses(main.text)
    media = got(rung)
    assert (media.status_code, media.headers["Cache-Control"]) == (200, "private, no-store")
    segments = addresses(media.text)
    assert len(segments) == SEGMENTS
    assert fetched(segments[0]) == (200, "first segment")
    assert fetched(segments[-1]) == (200, "last segment")


def test_a_part_of_a_segment(publication: Publication) -> None:
    segment = addresses(got(addresses(got(links.link_to(publication.playlist)).text)[0]).text)[0]
    for asked, status, text, says in (("bytes=6-12", 206, "segment", "bytes 6-12/13"), ("bytes=13-", 416, None, "bytes */13")):
        if segment.startswith("http"):
            far = requests.get(segment, headers={"Range": asked}, timeout=20)
            assert far.status_code == status
            assert status == 416 or (far.text, far.headers["Content-Range"]) == (text, says)
        else:
            near = got(segment, range=asked)
            assert (near.status_code, near.headers["Content-Range"]) == (status, says)
            assert status == 416 or near.text == text


def test_a_leaked_link_is_dead_within_minutes(publication: Publication, at: Callable[[float], None]) -> None:
    leaked = links.link_to(publication.playlist)
    at(299)
    assert got(leaked).status_code == 200
    at(300)
    answer = got(leaked)
    assert answer.status_code == 403
    assert "not valid any more" in answer.text


def test_playing_goes_on_after_the_link_has_died(publication: Publication, at: Callable[[float], None]) -> None:
    """Each segment works until after it is played, with pauses as long as the film and five minutes; another quality can be chosen until then."""
    link = links.link_to(publication.playlist)
    [rung] = addresses(got(link).text)
    segments = addresses(got(rung).text)
    for number, address in enumerate(segments):
        assert 6 * (number + 1) + 300 <= seconds_left(address) <= 2 * 6 * (number + 1) + 300
    assert seconds_left(rung) == 300 + 2 * 600
    at(650)
    assert got(link).status_code == 403
    late = addresses(got(rung).text)
    assert fetched(late[-1]) == (200, "last segment")
    if not segments[-1].startswith("http"):  # S3 goes by its own clock
        assert fetched(segments[-1]) == (200, "last segment")
        assert fetched(segments[0])[0] == 403


def test_nothing_in_a_link_makes_it_live_for_ever(publication: Publication, at: Callable[[float], None]) -> None:
    """What is read late with a rung's address ends when that address does: reading it again gains nothing."""
    [rung] = addresses(got(links.link_to(publication.playlist)).text)
    at(1000)
    late = addresses(got(rung).text)
    longest = max(seconds_left(address) + (NOW if "X-Amz" not in address else NOW + 1000) for address in late)
    assert longest <= NOW + 1500
    at(1500)
    assert got(rung).status_code == 403


def test_a_link_for_one_video_opens_no_other(publication: Publication) -> None:
    other = make_job()
    store.put_text(f"{other.video.public_id}/{other.public_id}/main-1.m3u8", MAIN)
    theirs = Publication.objects.create(video=other.video, job=other, playlist=f"{other.video.public_id}/{other.public_id}/main-1.m3u8")
    token = links.link_to(publication.playlist).rpartition("?")[2]
    assert got(f"/media/{theirs.playlist}?{token}").status_code == 403
    assert got(f"/media/{publication.playlist.rpartition('/')[0]}/att/360p/index.m3u8?{token}").status_code == 403


@pytest.mark.parametrize("path", ["../{other}", "att/../../{other}", "..%2f{other}", "%2e%2e/{other}", "att/360p/../../../../secret_key", "//{other}"])
def test_no_way_leads_out_of_a_video(publication: Publication, path: str) -> None:
    folder, token = publication.playlist.rpartition("/")[0], links.link_to(publication.playlist).rpartition("?")[2]
    answer = got(f"/media/{folder}/{path.format(other=publication.playlist)}?{token}")
    assert answer.status_code in (403, 404)
    name = f"{folder}/{path.format(other=publication.playlist)}"
    signed = got(links.link_to(name))  # even one signed by mistake
    assert signed.status_code in (403, 404)


def test_who_is_signed_in_needs_no_link_and_is_not_kept_out_by_an_old_one(publication: Publication, at: Callable[[float], None]) -> None:
    owner, stranger = Client(), Client()
    owner.force_login(publication.video.owner)
    stranger.force_login(make_user())
    old = links.link_to(publication.playlist)
    at(600)
    assert got(f"/media/{publication.playlist}", by=owner).status_code == 200
    assert got(old, by=owner).status_code == 200
    assert got(f"/media/{publication.playlist}", by=stranger).status_code == 404
    assert got(old, by=stranger).status_code == 403


def test_a_link_to_what_is_deleted_opens_nothing(publication: Publication) -> None:
    link = links.link_to(publication.playlist)
    publication.delete()
    assert got(link).status_code == 404


def test_a_head_says_what_a_get_would(publication: Publication) -> None:
    name = f"{publication.playlist.rpartition('/')[0]}/att/360p/00000.ts"
    answer = got(links.link_to(name), head=True)
    assert (answer.status_code, answer.headers["Content-Length"], answer.headers["Content-Type"]) == (200, "13", "video/mp2t")
    assert got(links.link_to(f"{name[:-4]}9.ts"), head=True).status_code == 404
    assert got(links.link_to(publication.playlist), head=True).headers["Content-Type"] == "application/vnd.apple.mpegurl"


def test_a_picture_in_s3_is_fetched_there(either_store: str, publication: Publication) -> None:
    name = f"{publication.playlist.rpartition('/')[0]}/att/poster.jpg"
    store.put_text(name, "picture")
    answer = got(links.link_to(name))
    if either_store == "disk":
        assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (200, "picture", "image/jpeg")
        return
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "private, max-age=240")
    found = requests.get(answer.headers["Location"], timeout=20)
    assert (found.status_code, found.text, found.headers["Content-Type"]) == (200, "picture", "image/jpeg")
    assert urlsplit(answer.headers["Location"]).query.count("X-Amz-Expires=300") == 1


def test_while_the_store_is_away_a_player_is_told_to_come_again(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    from processing.delivery_errors import RenditionsAway

    def away(name: str) -> str:
        raise RenditionsAway(circuit="renditions", retry_after=5)

    monkeypatch.setattr(store, "read_text", away)
    answer = got(links.link_to(publication.playlist))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
