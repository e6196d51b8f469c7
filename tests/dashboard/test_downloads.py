"""Saving a film, from the page and by the API, and what the player is given besides it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from knox.models import AuthToken

from processing.models import Caption, Extra, Job, Rendition
from resilience.models import Task
from uploads.models import Video

from .pages import video_in


@pytest.fixture
def video(anna: Any) -> Video:
    found = video_in("ready", anna)
    Rendition.objects.filter(rung="360p").update(path=f"{folder(found)}/index.m3u8")
    return found


def folder(video: Video) -> str:
    return f"{video.public_id}/{Job.objects.get(video=video).public_id}/att/360p"


def made(video: Video, kind: str, name: str) -> Extra:
    return Extra.objects.create(video=video, kind=kind, path=f"{folder(video)}/{name}", state="ready", size=5_000_000)


def test_it_is_prepared_when_somebody_wants_it_and_then_saved(client: Client, video: Video) -> None:
    page = f"/videos/{video.public_id}/"
    assert "Prepare a file to save" in client.get(page).content.decode()
    assert client.get(f"{page}download/").headers["Location"] == page
    assert client.post(f"{page}download/").headers["Location"] == page
    assert Task.objects.filter(kind="processing.download").count() == 1
    assert "is being prepared" in client.get(page).content.decode()
    Extra.objects.update(state="ready", size=5_000_000)
    assert "Save the film (MP4)" in " ".join(client.get(page).content.decode().split())
    assert f"/media/{folder(video)}/film.mp4?token=" in client.get(f"{page}download/").headers["Location"]


def test_a_stranger_can_neither_have_it_made_nor_find_it(stranger: Client, anonymous: Client, video: Video) -> None:
    for method in ("get", "post"):
        assert getattr(stranger, method)(f"/videos/{video.public_id}/download/").status_code == 404
        assert getattr(anonymous, method)(f"/videos/{video.public_id}/download/").status_code == 302
    assert not Extra.objects.exists()


def test_a_program_has_it_made_and_is_given_its_address(anonymous: Client, anna: Any, video: Video) -> None:
    _row, token = AuthToken.objects.create(user=anna)
    address, headers = f"/api/v1/videos/{video.public_id}", {"Authorization": f"Token {token}", "Accept": "application/json"}
    assert anonymous.get(address, headers=headers).json()["download"] == {"state": "none", "size": 0, "url": None}
    answer = anonymous.post(f"{address}/download", headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    Extra.objects.update(state="ready", size=5)
    answer = anonymous.post(f"{address}/download", headers=headers)
    assert (answer.status_code, answer.json()["size"]) == (200, 5)
    assert f"/media/{folder(video)}/film.mp4?token=" in answer.json()["url"]


def test_nothing_to_play_is_nothing_to_save(client: Client, anna: Any) -> None:
    waiting = video_in("converting", anna)
    assert "to save" not in client.get(f"/videos/{waiting.public_id}/").content.decode()
    assert client.post(f"/api/v1/videos/{waiting.public_id}/download", headers={"Accept": "application/json"}).status_code == 404


def test_the_player_is_given_pictures_and_captions(client: Client, video: Video) -> None:
    page, address = f"/videos/{video.public_id}/", f"/api/v1/videos/{video.public_id}"
    assert "data-thumbnails" not in client.get(page).content.decode()
    assert client.get(address, headers={"Accept": "application/json"}).json()["captions"] == []
    made(video, "thumbnails", "thumbnails.vtt")
    source = Job.objects.get(video=video).source
    Caption.objects.create(video=video, source=source, engine="openai", state="ready", language="de-AT", path=f"{video.public_id}/captions/cap/1.vtt")
    html = client.get(page).content.decode()
    assert f'data-thumbnails="/media/{folder(video)}/thumbnails.vtt"' in html
    assert f'src="/media/{video.public_id}/captions/cap/1.vtt" srclang="de-AT"' in html
    body = client.get(address, headers={"Accept": "application/json"}).json()
    assert "thumbnails.vtt?token=" in body["thumbnails_url"]
    [caption] = body["captions"]
    assert caption["language"] == "de-AT"
    assert "/1.vtt?token=" in caption["url"]


def test_captions_of_another_file_are_not_shown(client: Client, video: Video, anna: Any) -> None:
    other = video_in("ready", anna)
    Caption.objects.create(video=video, source=Job.objects.get(video=other).source, engine="openai", state="ready", path="x/1.vtt")
    assert "<track" not in client.get(f"/videos/{video.public_id}/").content.decode()
