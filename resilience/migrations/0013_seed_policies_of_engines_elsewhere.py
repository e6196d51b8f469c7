"""Rows for the kinds of engines elsewhere, with nothing set."""

from django.db import migrations

KINDS = ("processing.cancel_remote", "processing.verify")


def seed(apps, schema_editor):
    policy = apps.get_model("resilience", "TaskPolicy")
    for kind in KINDS:
        policy.objects.get_or_create(kind=kind)


def unseed(apps, schema_editor):
    apps.get_model("resilience", "TaskPolicy").objects.filter(kind__in=KINDS).delete()


class Migration(migrations.Migration):
    dependencies = [("resilience", "0012_seed_the_policy_of_looking_at_sources")]

    operations = [migrations.RunPython(seed, unseed)]
