"""What people are told, from the signals of the lower rooms to rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from notifications.models import Event, Notification
from notifications.selectors import timeline, unread_count
from processing import signals as processing
from processing.models import Attempt, Job, Rendition, RenditionState
from tests.factories import make_job, make_session, make_video
from uploads import signals as uploads
from uploads.models import SessionState, UploadSession, Video, VideoState
from uploads.services.videos import rename_video, set_video_state

pytestmark = pytest.mark.django_db


def sentences(video: Video) -> list[str]:
    return [event.sentence for event in timeline(video)]


def only_notification(video: Video) -> Notification:
    return Notification.objects.get(user=video.owner)


def test_the_way_of_a_file_reads_as_a_story() -> None:
    video = make_video(state=VideoState.RECEIVING)
    uploads.video_changed.send(sender=Video, video=video, before="")
    make_session(video=video, length=12_400_000, committed=12_400_000, state=SessionState.RECEIVED, received_at=timezone.now())
    for state in (VideoState.CHECKING, VideoState.CONVERTING, VideoState.READY):
        assert set_video_state(video.pk, state, only_from=list(VideoState.values))
    assert sentences(video) == ["Upload started", "Upload received: 11.8 MB", "Checking the file", "Converting started", "Ready"]
    newest = Event.objects.filter(video=video).order_by("-id").first()
    assert newest is not None
    assert newest.kind == "video.changed"
    assert newest.user == video.owner
    assert newest.data == {"video": video.public_id, "state": "ready", "title": video.title, "version": 3}
    assert not Notification.objects.exists(), "being ready is told by the job, once"


def test_a_new_title_reaches_open_pages_but_is_no_part_of_the_story() -> None:
    video = make_video(state=VideoState.READY)
    rename_video(video, title="Better")
    event = Event.objects.get(video=video)
    assert (event.sentence, event.data["title"]) == ("", "Better")


def test_a_refused_file_is_told_with_the_catalogues_reason_once() -> None:
    video = make_video(state=VideoState.NEEDS_NEW_FILE, title="notes.mp4")
    session = make_session(video=video, state=SessionState.REJECTED, error_code="UPLOAD_IS_TEXT", error_fields={"name": "notes.mp4"})
    uploads.source_refused.send(sender=UploadSession, session=session)
    uploads.source_refused.send(sender=UploadSession, session=session)
    told = only_notification(video)
    assert (told.kind, told.title) == ("needs_new_file", "This is a text file, not a video")
    assert told.body.startswith("“notes.mp4”: This is a text file named notes.mp4.")
    assert told.link == f"/videos/{video.public_id}/"
    assert len(sentences(video)) == 1
    assert sentences(video)[0].startswith("This file cannot be used: This is a text file named notes.mp4.")


def test_a_file_the_engine_cannot_use_is_told_the_same_way() -> None:
    job = make_job(error_code="ENCODING_SOURCE_TRUNCATED")
    processing.job_needs_new_file.send(sender=Job, job=job)
    told = only_notification(job.video)
    assert (told.kind, told.title) == ("needs_new_file", "The end of this file is missing")
    assert sentences(job.video)[0].startswith("This file cannot be used: The recording or its export stopped too early")


@pytest.mark.parametrize(
    ("state", "code", "title"),
    [
        (SessionState.EXPIRED, "UPLOAD_EXPIRED", "This upload waited too long"),
        (SessionState.EXPIRED, "", "This upload waited too long"),
        (SessionState.CORRUPT, "", "We lost part of this file"),
    ],
)
def test_an_upload_that_ended_is_told_with_its_reason(state: str, code: str, title: str) -> None:
    video = make_video()
    session = make_session(video=video, state=state, error_code=code)
    uploads.upload_ended.send(sender=UploadSession, session=session)
    told = only_notification(video)
    assert (told.kind, told.title) == ("upload_ended", title)
    assert sentences(video)[0].startswith("The upload ended: ")


def test_who_cancels_an_upload_is_not_told_so() -> None:
    video = make_video(state=VideoState.CANCELED)
    session = make_session(video=video, state=SessionState.ABORTED)
    uploads.video_changed.send(sender=Video, video=video, before=VideoState.RECEIVING)
    uploads.upload_ended.send(sender=UploadSession, session=session)
    assert sentences(video) == ["Upload canceled"]
    assert not Notification.objects.exists()


def test_progress_is_for_the_bar_not_for_the_story() -> None:
    job = make_job(percent=41.26)
    Attempt.objects.create(job=job, number=1, engine="local", phase="360p")
    processing.job_progressed.send(sender=Job, job=job)
    event = Event.objects.get()
    assert (event.kind, event.sentence) == ("job.progress", "")
    assert event.data == {"video": job.video.public_id, "job": job.public_id, "percent": 41.3, "phase": "360p"}


def first_version(job: Job, rung: str) -> None:
    Rendition.objects.create(job=job, rung=rung, state=RenditionState.READY, ready_at=timezone.now())
    processing.first_rendition_ready.send(sender=Job, job=job)


def test_the_first_version_is_told_by_its_name_and_no_news_once_all_is_ready() -> None:
    job = make_job(ladder=[{"name": "360p"}, {"name": "720p"}])
    first_version(job, "360p")
    assert sentences(job.video) == ["First version ready to play (360p)"]
    told = only_notification(job.video)
    assert (told.kind, told.read_at) == ("first_rendition_ready", None)
    processing.job_ready.send(sender=Job, job=job)
    told.refresh_from_db()
    assert told.read_at is not None
    assert unread_count(job.video.owner) == 1


def test_a_first_version_that_is_the_only_one_is_no_news_of_its_own() -> None:
    job = make_job(ladder=[{"name": "audio"}])
    first_version(job, "audio")
    assert sentences(job.video) == ["First version ready to play (sound only)"]
    assert not Notification.objects.exists()


def test_retrying_is_told_with_its_time_once_per_job() -> None:
    retry_at = datetime(2026, 3, 1, 9, 14, 30, tzinfo=UTC)
    job = make_job(retry_at=retry_at)
    processing.job_retrying.send(sender=Job, job=job, retry_at=retry_at)
    processing.job_retrying.send(sender=Job, job=job, retry_at=retry_at)
    assert sentences(job.video)[0] == "Converting failed, trying again at 09:14 UTC"
    assert "09:14 UTC" in only_notification(job.video).body


def test_being_ready_is_told_once_and_says_what_is_missing() -> None:
    job = make_job(error_code="ENCODING_LOWER_QUALITY", error_fields={"missing": "1080p"})
    processing.job_ready.send(sender=Job, job=job)
    processing.job_ready.send(sender=Job, job=job)
    told = only_notification(job.video)
    assert told.title == "“holiday.mp4” is ready"
    assert "(1080p)" in told.body


def test_giving_up_is_told_again_after_it_was_tried_again() -> None:
    job = make_job(error_code="ENCODING_GAVE_UP", error_fields={"tries": 4})
    Attempt.objects.create(job=job, number=1, engine="local", state="failed")
    processing.job_given_up.send(sender=Job, job=job)
    processing.job_given_up.send(sender=Job, job=job)
    told = only_notification(job.video)
    assert (told.kind, told.title) == ("given_up", "We could not convert this file")
    assert "We tried 4 times" in told.body
    Attempt.objects.create(job=job, number=2, engine="local", state="failed")
    processing.job_given_up.send(sender=Job, job=job)
    assert Notification.objects.count() == 2


def test_every_state_has_words() -> None:
    video = make_video(state=VideoState.RECEIVING)
    for state in VideoState.values:
        set_video_state(video.pk, state, only_from=list(VideoState.values), error_code="ENCODING_GAVE_UP", error_fields={"tries": 4})
    assert "unknown" not in " ".join(sentences(video))
    assert "This did not work out: We tried 4 times and it did not work." in " ".join(sentences(video))
