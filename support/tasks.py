"""What `support` registers with the rooms below: the holder of attachments, and a part of the recovery."""

from __future__ import annotations

from resilience import recovery
from support.services.attachments import TicketFiles, drop_unheld
from uploads.attachments import holders

holders.register("ticket", TicketFiles())
recovery.register("support.attachments", drop_unheld)
