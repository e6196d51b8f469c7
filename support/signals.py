"""What `support` tells. Sent inside the transaction of the change; receivers only insert rows."""

from __future__ import annotations

from django.dispatch import Signal

ticket_changed = Signal()  # ticket: Ticket, message: TicketMessage | None. Opened, written to, or its state changed.
