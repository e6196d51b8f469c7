from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processing import store
from processing.models import Job, Publication, Rendition
from tests import media
from tests.factories import make_job
from tests.processing.captions.service import Service, running


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    """Captions are on, and written by a service on this machine."""
    with running() as found:
        settings.CAPTIONS, settings.CAPTIONS_URL, settings.CAPTIONS_API_KEY = "openai", found.url, "sesame"
        settings.CAPTIONS_LANGUAGE, settings.CAPTIONS_SECONDS = "", 20.0
        yield found


def published(work: Path) -> Job:
    """A job as a conversion leaves it: three seconds with sound, in one segment."""
    job = make_job(state="ready")
    job.source.probe = {"audio": {"codec": "aac"}}
    job.source.save()
    folder = f"{job.video.public_id}/{job.public_id}/att/180p"
    work.mkdir()
    shutil.copyfile(media.clip(seconds=3, suffix=".ts"), work / "00000.ts")
    (work / "index.m3u8").write_text("#EXTM3U\n#EXTINF:3.0,\n00000.ts\n#EXT-X-ENDLIST\n")
    store.put_folder(work, folder, last="index.m3u8")
    Rendition.objects.create(job=job, rung="180p", state="ready", path=f"{folder}/index.m3u8", duration_s=3.0, bitrate=1)
    Publication.objects.create(video=job.video, job=job, playlist=f"{job.video.public_id}/{job.public_id}/main.m3u8")
    return job
