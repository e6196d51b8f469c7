from django.apps import AppConfig


class ProcessingConfig(AppConfig):
    name = "processing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let errors, tasks and receivers register themselves."""
        from importlib import import_module
        from importlib.util import find_spec

        for module in ("errors", "tasks", "tasks_elsewhere", "events.tasks", "receivers", "checks", "rules", "events.rules", "watching", "events.watching"):
            if find_spec(f"processing.{module}"):
                import_module(f"processing.{module}")
