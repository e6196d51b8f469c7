from django.apps import AppConfig


class SupportConfig(AppConfig):
    name = "support"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let errors, tasks and receivers register themselves."""
        from importlib import import_module
        from importlib.util import find_spec

        for module in ("errors", "tasks", "receivers", "checks", "rules"):
            if find_spec(f"support.{module}"):
                import_module(f"support.{module}")
