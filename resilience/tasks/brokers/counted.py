"""Wake-ups, counted where they leave the process that makes them."""

from resilience.metrics import counter

_WAKE_UPS = counter("holdfast_tasks_wake_ups_total", "Hints to workers that something is due, by whether the broker took them.", ["outcome"])
SENT = _WAKE_UPS.labels("sent")
FAILED = _WAKE_UPS.labels("failed")
