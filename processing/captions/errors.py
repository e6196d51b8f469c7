"""What keeps a video from its captions. It plays all the same."""

from __future__ import annotations

from resilience.errors import AppError, Category, Entry, Fault, Retry, wait


class CaptionsAway(AppError):
    entry = Entry(
        code="CAPTIONS_AWAY",
        title="Captions take longer than usual",
        what_happened="The service that writes captions does not answer at the moment. The video plays without them, and gets them later by itself.",
        actions=(wait("Nothing to do: we try again by ourselves"),),
        status=503, category=Category.DEPENDENCY, fault=Fault.PARTNER, retry=Retry.AUTO, severity="warning",
        runbook="Open the circuit captions in admin for the service's own words. Nothing else waits for it.",
    )  # fmt: skip


class CaptionsRefused(AppError):
    entry = Entry(
        code="CAPTIONS_REFUSED",
        title="No captions could be written",
        what_happened="The service that writes captions did not take the sound of this video. The video plays without captions; we have been told.",
        actions=(wait("Nothing to do: the video plays all the same"),),
        status=502, category=Category.DEPENDENCY, fault=Fault.US, retry=Retry.AFTER_CHANGE, severity="error",
        runbook="The caption's page in admin has the service's own words. Check CAPTIONS_… settings, keys and permissions, then retry it there.",
    )  # fmt: skip
