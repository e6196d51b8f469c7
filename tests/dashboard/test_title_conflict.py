"""A title changed in two tabs: nothing is overwritten unseen, and nothing that was typed is lost."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.factories import make_video
from uploads.models import Video, VideoState
from uploads.services.videos import rename_video, set_video_state

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(anna) -> Video:
    return make_video(owner=anna, title="As it was", state=VideoState.CONVERTING)


def rename(client: Client, video: Video, **form: str):
    return client.post(f"/videos/{video.public_id}/rename/", form)


def title_of(video: Video) -> str:
    return Video.objects.get(pk=video.pk).title


def test_both_titles_are_shown_and_either_can_be_kept(client: Client, video: Video) -> None:
    rename_video(video, title="From the other tab <b>")
    answer = rename(client, video, title="Mine & only", seen="As it was")
    page = answer.content.decode()
    assert answer.status_code == 409
    assert title_of(video) == "From the other tab <b>"
    assert "From the other tab &lt;b&gt;" in page
    assert 'value="Mine &amp; only"' in page
    seen = re.search(r'name="seen" value="([^"]*)"', page)[1].replace("&lt;", "<").replace("&gt;", ">")
    assert rename(client, video, title="Mine & only", seen=seen).status_code == 302
    assert title_of(video) == "Mine & only"


def test_what_happens_to_the_file_does_not_stand_in_the_way(client: Client, video: Video) -> None:
    set_video_state(video.pk, VideoState.READY, only_from=[VideoState.CONVERTING])
    assert rename(client, video, title="Better", seen="As it was").status_code == 302
    assert title_of(video) == "Better"


def test_the_same_title_sent_twice_is_no_conflict(client: Client, video: Video) -> None:
    assert rename(client, video, title="Better", seen="As it was").status_code == 302
    assert rename(client, video, title="Better", seen="As it was").status_code == 302


def test_a_form_that_does_not_say_what_it_saw_changes_nothing(client: Client, video: Video) -> None:
    assert rename(client, video, title="Better").status_code == 400
    assert title_of(video) == "As it was"


def test_the_page_carries_the_title_it_shows(client: Client, video: Video) -> None:
    assert 'name="seen" value="As it was"' in client.get(f"/videos/{video.public_id}/").content.decode()
