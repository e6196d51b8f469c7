"""A video that is ready gets captions; one that is deleted is forgotten elsewhere. Only rows are written here."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from processing.captions.services import ask_for_captions, forget_all
from processing.models import Job
from processing.signals import job_ready
from uploads.models import Video


@receiver(job_ready, dispatch_uid="processing.ask_for_captions")
def caption_ready_video(sender: object, *, job: Job, **_: Any) -> None:
    ask_for_captions(job)


@receiver(pre_delete, sender=Video, dispatch_uid="processing.forget_captions")
def forget_captions_of_deleted_video(sender: object, *, instance: Video, **_: Any) -> None:
    forget_all(instance)
