from django.apps import AppConfig


class ResilienceConfig(AppConfig):
    name = "resilience"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let errors, tasks and receivers register themselves."""
        from importlib import import_module
        from importlib.util import find_spec

        from django.conf import settings

        from resilience import faults

        faults.arm_by_environment(production=settings.PRODUCTION)
        first = ("errors", "tasks", "tidy", "recovery_steps", "bulkheads", "pressure", "receivers", "checks", "watching")
        then = ("cache.watching", "rules", "mail.tasks", "mail.tidy", "mail.watching")
        for module in (*first, *then):
            if find_spec(f"resilience.{module}"):
                import_module(f"resilience.{module}")
