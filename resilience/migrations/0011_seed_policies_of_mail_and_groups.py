"""Rows for the kinds that came after the first rows, with nothing set."""

from django.db import migrations

KINDS = ("mail.deliver", "resilience.change_group")


def seed(apps, schema_editor):
    policy = apps.get_model("resilience", "TaskPolicy")
    for kind in KINDS:
        policy.objects.get_or_create(kind=kind)


def unseed(apps, schema_editor):
    apps.get_model("resilience", "TaskPolicy").objects.filter(kind__in=KINDS).delete()


class Migration(migrations.Migration):
    dependencies = [("resilience", "0010_keep_mail_until_it_is_delivered")]

    operations = [migrations.RunPython(seed, unseed)]
