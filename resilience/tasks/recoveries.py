"""The reapers of tasks."""

from resilience.reapers import reaper

from . import pausing, prune, sweep, wakeups

reaper("reap_leases", about="Takes back tasks whose worker is gone.")(sweep.reap_leases)
reaper("send_wake_ups", about="Wakes workers for due tasks nobody was woken for.")(wakeups.send_wake_ups)
reaper("drop_stale_wake_ups", about="Drops wake-ups a worker took and never acknowledged.")(wakeups.drop_stale_wake_ups)
reaper("tasks.pruned", about="Forgets tasks that ended TASK_KEEP_DAYS ago, with their runs.")(prune.prune_tasks)
reaper("tasks.pauses", about="Forgets pauses that ended by themselves.")(pausing.prune_pauses)
