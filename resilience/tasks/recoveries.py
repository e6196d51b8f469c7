"""The reapers of tasks."""

from resilience.reapers import reaper

from . import sweep

reaper("reap_leases", about="Takes back tasks whose worker is gone.")(sweep.reap_leases)
reaper("send_wake_ups", about="Wakes workers for due tasks nobody was woken for.")(sweep.send_wake_ups)
reaper("drop_stale_wake_ups", about="Drops wake-ups a worker took and never acknowledged.")(sweep.drop_stale_wake_ups)
