"""One row per class of failure. Values: design/processing.md's table; waits in seconds."""

from django.db import migrations

POLICIES = {
    # class: (more tries on the same engine, first wait, longest wait, one lenient pass allowed)
    "transient": (2, 30, 120, False),
    "stalled": (2, 30, 120, False),
    "dependency": (2, 30, 120, False),
    "throttled": (100, 30, 300, False),  # about six hours
    "capacity": (100, 30, 300, False),
    "acceleration": (1, 1, 1, False),
    "input_truncated": (0, 0, 0, False),
    "input_corrupt": (0, 0, 0, True),
    "input_no_video": (0, 0, 0, False),
    "input_codec": (0, 0, 0, False),
    "input_unreadable": (0, 0, 0, False),
    "output_invalid": (0, 0, 0, True),
    "config": (0, 0, 0, False),
    "iam": (1, 60, 60, False),
    "poison": (0, 0, 0, False),
    "unclassified": (1, 30, 30, True),
}


def seed(apps, schema_editor):
    policy = apps.get_model("processing", "RetryPolicy")
    for error_class, (tries, base_s, cap_s, salvage) in POLICIES.items():
        policy.objects.get_or_create(error_class=error_class, defaults={"tries": tries, "base_s": base_s, "cap_s": cap_s, "salvage": salvage})


def unseed(apps, schema_editor):
    apps.get_model("processing", "RetryPolicy").objects.filter(error_class__in=POLICIES).delete()


class Migration(migrations.Migration):
    dependencies = [("processing", "0003_keep_what_an_attempt_found_and_let_videos_go")]

    operations = [migrations.RunPython(seed, unseed)]
