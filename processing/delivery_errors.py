"""What can keep a made video from its watcher."""

from __future__ import annotations

from resilience.circuits import CircuitOpen
from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button, link, wait

RETRY_AFTER_SECONDS = 5.0


class RenditionsAway(CircuitOpen):
    """The store of renditions does not answer. To callers it is what an open circuit is: nothing was done, come back later, no try is spent."""

    entry = Entry(
        code="RENDITIONS_AWAY",
        title="Our video storage cannot be reached right now",
        what_happened="The storage that holds converted videos does not answer at the moment. Nothing is lost, and we go on by ourselves once it does.",
        actions=(wait("Wait a few seconds, then try again"), ASK_FOR_HELP),
        status=503, category=Category.DEPENDENCY, fault=Fault.PARTNER, retry=Retry.AFTER_WAIT, severity="critical",
        fields=("circuit",),
        runbook="Open the circuit renditions in admin for S3's own words. Check RENDITION_BUCKET, S3_REGION, S3_ENDPOINT_URL, the keys and the line to S3.",
        examples=({"circuit": "renditions"},),
    )  # fmt: skip


class LinkExpired(AppError):
    entry = Entry(
        code="PLAYBACK_LINK_EXPIRED",
        title="This link is not valid any more",
        what_happened="Links to videos work for a few minutes only, and only exactly as they were given. Open the video's page again for a new one.",
        actions=(button("Reload the page", "reload"), link("Go to the start page", "home")),
        status=403, category=Category.AUTH, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
    )  # fmt: skip
