"""Delivered messages are kept for a while without their bodies, dead letters with them a little longer; then both go."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from resilience import tidy
from resilience.models import Mail
from resilience.models.mail import MailState
from resilience.reapers import reaper

SENT_KEPT = timedelta(days=7)
DEAD_KEPT = timedelta(days=30)
BATCH = 5_000


@reaper("mail.old", every=timedelta(hours=1), about="Removes messages delivered a week ago, and undeliverable ones after a month.")
def remove_old(*, dry_run: bool) -> int:
    old = Mail.objects.filter(Q(state=MailState.SENT, sent_at__lt=Now() - SENT_KEPT) | Q(state=MailState.DEAD, created_at__lt=Now() - DEAD_KEPT))
    if dry_run:
        return old.count()
    return Mail.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:BATCH])).delete()[0]


@reaper("mail.files", every=timedelta(hours=24), per_host=True, about="Removes messages written to VAR_DIR/mail a month ago, where no mail server is set.")
def remove_old_files(*, dry_run: bool) -> int:
    return tidy.remove_old(Path(settings.EMAIL_FILE_PATH), "*.log", latest=time.time() - DEAD_KEPT.total_seconds(), dry_run=dry_run)
