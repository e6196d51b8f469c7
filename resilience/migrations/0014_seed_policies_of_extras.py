"""Rows for the kinds that make what is there besides qualities, with nothing set."""

from django.db import migrations

KINDS = ("processing.download", "processing.thumbnails")


def seed(apps, schema_editor):
    policy = apps.get_model("resilience", "TaskPolicy")
    for kind in KINDS:
        policy.objects.get_or_create(kind=kind)


def unseed(apps, schema_editor):
    apps.get_model("resilience", "TaskPolicy").objects.filter(kind__in=KINDS).delete()


class Migration(migrations.Migration):
    dependencies = [("resilience", "0013_seed_policies_of_engines_elsewhere")]

    operations = [migrations.RunPython(seed, unseed)]
