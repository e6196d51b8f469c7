"""Rows for the kinds that ask engines elsewhere how it goes, with nothing set."""

from django.db import migrations

KINDS = ("processing.ask", "processing.sweep_page")


def seed(apps, schema_editor):
    policy = apps.get_model("resilience", "TaskPolicy")
    for kind in KINDS:
        policy.objects.get_or_create(kind=kind)


def unseed(apps, schema_editor):
    apps.get_model("resilience", "TaskPolicy").objects.filter(kind__in=KINDS).delete()


class Migration(migrations.Migration):
    dependencies = [("resilience", "0014_seed_policies_of_extras")]

    operations = [migrations.RunPython(seed, unseed)]
