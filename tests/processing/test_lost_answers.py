"""What must not happen twice, over a line that breaks between COMMIT and its answer: the end of an upload, a version, a task."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from processing.engines.base import News, Observation, RungOutput
from processing.models import Attempt, AttemptState, Job, JobState, Publication, Rendition
from processing.services.observe import apply_observation
from resilience.models import Task
from resilience.tasks import enqueue
from resilience.transactions import CommitUnknown, settled
from tests.factories import make_session, make_video
from tests.proxied import proxied_database
from tests.proxy import Proxy
from tests.stack.system import wait_for
from uploads.models import SessionState, UploadSession, VideoState
from uploads.services.commit import commit_offset
from uploads.services.lease import take_lease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with proxied_database() as proxy:
        yield proxy


@pytest.mark.parametrize("reached", [True, False], ids=["committed", "never arrived"])
def test_the_last_byte_of_an_upload_is_asked_for_again_and_counted_once(proxy: Proxy, reached: bool) -> None:
    session = make_session(length=100, committed=40)
    lease = take_lease(session.pk)
    assert lease is not None
    cut = proxy.cut_after(b"COMMIT", passed=reached)
    with pytest.raises(CommitUnknown):
        commit_offset(lease, old=40, new=100, last=True)
    assert cut.is_set()
    if reached:
        wait_for(lambda: UploadSession.objects.get(pk=session.pk).committed == 100, seconds=60, what="the server did what it was asked")
    commit_offset(lease, old=40, new=100, last=True)  # as the writer does
    session.refresh_from_db()
    assert (session.committed, session.state) == (100, SessionState.RECEIVED)
    assert Task.objects.filter(kind="uploads.inspect", key=session.public_id).count() == 1


@pytest.mark.parametrize("reached", [True, False], ids=["committed", "never arrived"])
@pytest.mark.parametrize("which", [1, 2, 3], ids=["the rung", "the look", "the pointer"])
def test_a_version_is_shown_once_whichever_answer_is_lost(proxy: Proxy, reached: bool, which: int, settings, tmp_path) -> None:
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}}
    video = make_video(state=VideoState.CONVERTING)
    source = make_session(video=video, length=10, committed=10, state=SessionState.ACCEPTED)
    rung = {"name": "360p", "width": 640, "height": 360, "video_bitrate": 1, "audio_bitrate": 1, "weight": 1.0}
    job = Job.objects.create(video=video, source=source, state=JobState.RUNNING, engines=["local"], ladder=[rung])
    attempt = Attempt.objects.create(job=job, number=1, engine="local", state=AttemptState.PROGRESSING, observation_rank=2)
    path = f"{video.public_id}/{job.public_id}/{attempt.public_id}/360p/index.m3u8"
    output = RungOutput(rung="360p", path=path, size=1, duration_s=1.0, bitrate=800_000, codecs="avc1.64001e", width=640, height=360)
    cut = proxy.cut_after(b"COMMIT", passed=reached, nth=which)
    assert apply_observation(attempt.public_id, Observation(News.RUNG_READY, output=output)) is True
    assert cut.is_set()
    assert Rendition.objects.get(job=job).path == path
    assert Publication.objects.get(video=video).job_id == job.pk
    assert Task.objects.filter(state="dead").count() == 0


def test_a_task_with_a_key_is_put_down_once(proxy: Proxy) -> None:
    cut = proxy.cut_after(b"COMMIT")
    made = settled(lambda: enqueue("resilience.canary", key="only one"), reread=lambda: Task.objects.filter(key="only one").first())
    assert cut.is_set()
    assert made is not None
    assert Task.objects.filter(key="only one").count() == 1
