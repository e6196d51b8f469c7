from django.contrib.admin.apps import AdminConfig
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.db.models.signals import post_migrate


class OperationsAdminConfig(AdminConfig):
    default_site = "config.admin.OperationsSite"

    def ready(self) -> None:
        from config.groups import make_groups

        super().ready()
        post_migrate.connect(make_groups, dispatch_uid="config.groups")


class StaticConfig(StaticFilesConfig):
    # What the two browser libraries ship beside the one file each that we serve.
    ignore_patterns = ["CVS", ".*", "*~", "*.map", "*.d.ts", "*.d.mts", "*-demo*", "*-test-bundle*"]
