"""One row per kind of task there is, with nothing set: what the code declares counts until an operator says otherwise."""

from django.db import migrations

KINDS = (
    "processing.delete_outputs",
    "processing.submit",
    "processing.transcode",
    "uploads.inspect",
    "uploads.join",
    "uploads.judge",
)


def seed(apps, schema_editor):
    policy = apps.get_model("resilience", "TaskPolicy")
    for kind in KINDS:
        policy.objects.get_or_create(kind=kind)


def unseed(apps, schema_editor):
    apps.get_model("resilience", "TaskPolicy").objects.filter(kind__in=KINDS).delete()


class Migration(migrations.Migration):
    dependencies = [("resilience", "0006_policies_pauses_and_group_changes")]

    operations = [migrations.RunPython(seed, unseed)]
