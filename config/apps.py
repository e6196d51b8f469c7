from django.contrib.admin.apps import AdminConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class OperationsAdminConfig(AdminConfig):
    default_site = "config.admin.OperationsSite"


class StaticConfig(StaticFilesConfig):
    # What the two browser libraries ship beside the one file each that we serve.
    ignore_patterns = ["CVS", ".*", "*~", "*.map", "*.d.ts", "*.d.mts", "*-demo*", "*-test-bundle*"]
