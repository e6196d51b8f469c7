"""Rows for the kinds that make captions, with nothing set."""

from django.db import migrations

KINDS = ("processing.caption", "processing.forget_caption")


def seed(apps, schema_editor):
    policy = apps.get_model("resilience", "TaskPolicy")
    for kind in KINDS:
        policy.objects.get_or_create(kind=kind)


def unseed(apps, schema_editor):
    apps.get_model("resilience", "TaskPolicy").objects.filter(kind__in=KINDS).delete()


class Migration(migrations.Migration):
    dependencies = [("resilience", "0015_seed_policies_of_asking_engines")]

    operations = [migrations.RunPython(seed, unseed)]
