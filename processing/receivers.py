"""What the rooms below tell us: an accepted file becomes a job, a deleted video takes its renditions along. Only rows are written here."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from processing.models import LIVE_ATTEMPT_STATES, Attempt
from processing.services.jobs import open_job
from processing.services.remote import stop_elsewhere
from resilience.tasks import enqueue
from uploads.models import UploadSession, Video
from uploads.signals import source_accepted


@receiver(source_accepted, dispatch_uid="processing.open_job")
def convert_accepted_source(sender: object, *, session: UploadSession, **_: Any) -> None:
    open_job(session)


@receiver(pre_delete, sender=Video, dispatch_uid="processing.delete_outputs")
def delete_outputs_of_deleted_video(sender: object, *, instance: Video, **_: Any) -> None:
    stop_elsewhere(Attempt.objects.filter(job__video=instance, state__in=LIVE_ATTEMPT_STATES).select_related("job__source"))
    enqueue("processing.delete_outputs", key=instance.public_id, payload={"video_id": instance.public_id})
