"""A row for the kind that looks at a source before anybody is blamed, with nothing set."""

from django.db import migrations

KINDS = ("processing.look",)


def seed(apps, schema_editor):
    policy = apps.get_model("resilience", "TaskPolicy")
    for kind in KINDS:
        policy.objects.get_or_create(kind=kind)


def unseed(apps, schema_editor):
    apps.get_model("resilience", "TaskPolicy").objects.filter(kind__in=KINDS).delete()


class Migration(migrations.Migration):
    dependencies = [("resilience", "0011_seed_policies_of_mail_and_groups")]

    operations = [migrations.RunPython(seed, unseed)]
