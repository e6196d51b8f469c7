from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from resilience.circuits import rests
from resilience.models import Mail
from resilience.models.mail import MailState
from resilience.watching.readiness import Health, degraded, ok, readiness

from . import CIRCUIT

LATE = timedelta(minutes=5)


@readiness("mail", critical=False)
def mail() -> Health:
    """People can do without it for a while; messages wait, and go out when the server is back."""
    if rests(CIRCUIT) > 0:
        return degraded("The mail server does not take messages. They wait, and go out when it does.")
    late = Mail.objects.filter(state=MailState.WAITING, created_at__lt=Now() - LATE).count()
    return degraded(f"{late} messages wait for more than five minutes.") if late else ok()
