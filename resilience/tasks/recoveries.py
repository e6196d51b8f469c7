"""What `manage.py recover` may do for tasks."""

from resilience import recovery

from . import sweep

recovery.register("reap_leases", sweep.reap_leases)
recovery.register("send_wake_ups", sweep.send_wake_ups)
recovery.register("drop_stale_wake_ups", sweep.drop_stale_wake_ups)
