"""What must hold of jobs elsewhere, and what `manage.py recover` does about them."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from processing.events import stalls, sweep, watch
from processing.models import Attempt, AttemptState
from resilience.integrity import Breach, in_batches, rule
from resilience.recovery import Found, Options, step


def _end(breach: Breach) -> bool:
    stalls.end_stalled()
    return not Attempt.objects.filter(pk=breach.row.pk, state__in=watch.WATCHED).exists()


@rule("processing.remote_ends", about="No job elsewhere takes longer than anything may.", repair=_end)
def remote_ends() -> Iterator[Breach]:
    for attempt in stalls.stalled():
        yield Breach(attempt.public_id, f"at {attempt.engine} since {attempt.started_at:%Y-%m-%d %H:%M} UTC, and not ended", attempt)


@rule("processing.remote_names", about="Every attempt that an engine elsewhere works on knows its job there.")
def remote_names() -> Iterator[Breach]:
    nameless = Attempt.objects.filter(state__in=(*watch.WATCHED, AttemptState.VERIFYING), engine__startswith="mediaconvert:", external_id="")
    for attempt in in_batches(nameless):
        yield Breach(attempt.public_id, f"{attempt.get_state_display()} at {attempt.engine}, under no id", attempt)


@step("mediaconvert")
def mediaconvert(options: Options) -> Found:
    """Have every region looked through, and jobs that were quiet asked about. `reconcile_mediaconvert` does the same and waits for it."""
    if not settings.MEDIACONVERT_REGIONS:
        return Found(said="MediaConvert is not used.")
    asked, regions = watch.watch_remote(dry_run=options.dry_run), sweep.begin(dry_run=options.dry_run)
    if options.dry_run:
        return Found(asked, f"{asked} jobs would be asked about, {regions} regions looked through.")
    return Found(asked, f"{asked} jobs are asked about, {regions} regions looked through, in the background.")
