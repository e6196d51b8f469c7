import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("resilience", "0009_fleet_drain")]

    operations = [
        migrations.CreateModel(
            name="Mail",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("message_id", models.CharField(help_text="The same for every try: a second copy can be told from a second message.", max_length=255, unique=True)),
                ("sender", models.CharField(max_length=320)),
                ("recipients", models.JSONField(default=list)),
                ("left", models.JSONField(default=list, help_text="Recipients the server has not taken it for yet.")),
                ("refused", models.JSONField(default=dict, help_text="Recipients the server does not take it for, with its words.")),
                ("subject", models.CharField(max_length=300)),
                ("body", models.BinaryField(default=b"", help_text="The whole message; empty once it is delivered.")),
                (
                    "state",
                    models.CharField(choices=[("waiting", "Waiting"), ("sent", "Sent"), ("dead", "dead letter")], default="waiting", max_length=8),
                ),
                ("error_code", models.CharField(blank=True, default="", max_length=80)),
                ("last_error", models.CharField(blank=True, default="", max_length=500)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["state", "created_at"], name="mail_state_age")],
                "constraints": [models.CheckConstraint(condition=models.Q(("state__in", ["waiting", "sent", "dead"])), name="mail_state_known")],
            },
        ),
    ]
