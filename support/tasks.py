"""What `support` registers with the rooms below: the holder of attachments, and a reaper."""

from __future__ import annotations

from resilience.reapers import reaper
from support.services.attachments import TicketFiles, drop_unheld
from uploads.attachments import holders

holders.register("ticket", TicketFiles())
reaper("support.attachments", about="Ends files of tickets that were deleted.")(drop_unheld)
