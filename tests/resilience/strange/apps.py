from __future__ import annotations

from django.apps import AppConfig


class StrangeConfig(AppConfig):
    name = "tests.resilience.strange"
    label = "strange"

    def ready(self) -> None:
        from resilience.tasks import cluster, decision, supervisor
        from tests.resilience.strange import bodies  # noqa: F401 - declares them

        decision.CRASH_BASE_SECONDS = 0.2
        supervisor.QUICK_SWEEP_SECONDS = 0.5
        supervisor.DRAIN_SECONDS = 2.0
        cluster.STUCK_TASKS_SECONDS = cluster.STUCK_RESULTS_SECONDS = 600.0  # so that it is the canary that finds a standstill
