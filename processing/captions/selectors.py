"""Reads over captions."""

from __future__ import annotations

from processing.captions.models import Caption
from processing.models import Publication
from uploads.models import Video


def captions_of(video: Video) -> Caption | None:
    """Return the captions of what is played when somebody plays a video; None while there are none."""
    shown = Publication.objects.filter(video=video).values("job__source")
    return Caption.objects.filter(source__in=shown).exclude(path="").first()
