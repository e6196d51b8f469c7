"""Many films at once through MediaConvert: their sources in the bucket, their rows, and their jobs, made by the product's own services.

For the bench and for long runs, in a process with a running installation's settings: `manage.py shell -c "from tests.mill import order; …"`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import av
from django.contrib.auth.models import User
from django.utils import timezone

from processing.services.jobs import open_job
from uploads.models import SessionState, UploadSession, Video, VideoState
from uploads.store.s3 import client, names
from uploads.store.s3.models import RemoteFile

SEED_OBJECT = "uploads/mill-source"


def order(count: int, *, film: str, email: str) -> None:
    """Have `count` copies of a film uploaded and accepted, and promise to convert each."""
    owner = User.objects.get(email=email)
    probe, data = probe_of(Path(film)), Path(film).read_bytes()
    client.call("put_object", Key=SEED_OBJECT, Body=data)
    for number in range(count):
        open_job(_accepted(owner, f"film {number}", size=len(data), probe=probe))


def probe_of(film: Path) -> dict[str, object]:
    """Say what inspection would say of a film with picture and sound, in the shape of `UploadSession.probe`."""
    with av.open(str(film)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        picture = {
            "codec": video.codec_context.name, "profile": "", "pix_fmt": video.codec_context.pix_fmt, "width": video.width, "height": video.height,
            "fps": float(video.average_rate or 0), "frames": video.frames, "rotation": 0,
        }  # fmt: skip
        sound = {"codec": audio.codec_context.name, "channels": audio.channels, "rate": audio.rate}
        seconds = (container.duration or 0) / 1_000_000
        return {"container": container.format.name, "duration_s": seconds, "size": film.stat().st_size, "video": picture, "audio": sound}


def _accepted(owner: User, title: str, *, size: int, probe: dict[str, object]) -> UploadSession:
    video = Video.objects.create(owner=owner, title=title, state=VideoState.CHECKING)
    session = UploadSession.objects.create(
        video=video, owner=owner, file_name=f"{title}.mp4", length=size, committed=size, state=SessionState.ACCEPTED, probe=probe,
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    UploadSession.objects.filter(pk=session.pk).update(storage_key=session.public_id)
    session.refresh_from_db()
    name = names.whole(session.storage_key)
    client.call("copy_object", Key=name, CopySource={"Bucket": client.bucket(), "Key": SEED_OBJECT})
    RemoteFile.objects.create(session=session, part_size=8 * 2**20, object_key=name)
    return session
