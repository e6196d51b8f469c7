"""A video that is ready gets its pictures to seek by. Only rows are written here."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from processing.extras.services import ask_for_thumbnails
from processing.models import Job
from processing.signals import job_ready


@receiver(job_ready, dispatch_uid="processing.ask_for_thumbnails")
def picture_ready_video(sender: object, *, job: Job, **_: Any) -> None:
    ask_for_thumbnails(job)
