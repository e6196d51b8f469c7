from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

MOST_TRIES = 100
LONGEST_WAIT_S = 86_400.0
LONGEST_TIMEOUT_S = 86_400.0


class TaskPolicy(models.Model):
    """What operators set for one kind of task. An empty value means what the code declares."""

    kind = models.CharField(max_length=80, unique=True)
    tries = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_TRIES)], help_text="Runs that may fail before it is a dead letter."
    )
    base_s = models.FloatField(
        "base", null=True, blank=True, validators=[MinValueValidator(0.1), MaxValueValidator(LONGEST_WAIT_S)],
        help_text="Seconds before the first retry; doubles each time.",
    )  # fmt: skip
    cap_s = models.FloatField(
        "cap", null=True, blank=True, validators=[MinValueValidator(0.1), MaxValueValidator(LONGEST_WAIT_S)], help_text="Longest wait, in seconds."
    )
    jitter = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="How much of a wait is left to chance: 0.5 waits between half of it and all of it.",
    )  # fmt: skip
    timeout_s = models.FloatField(
        "timeout", null=True, blank=True, validators=[MinValueValidator(1.0), MaxValueValidator(LONGEST_TIMEOUT_S)], help_text="Longest run, in seconds."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "task policies"
        ordering = ["kind"]
        constraints = [
            models.CheckConstraint(condition=Q(tries__isnull=True) | Q(tries__range=(1, MOST_TRIES)), name="taskpolicy_tries_in_range"),
            models.CheckConstraint(condition=Q(base_s__isnull=True) | Q(base_s__gt=0, base_s__lte=LONGEST_WAIT_S), name="taskpolicy_base_in_range"),
            models.CheckConstraint(condition=Q(cap_s__isnull=True) | Q(cap_s__gt=0, cap_s__lte=LONGEST_WAIT_S), name="taskpolicy_cap_in_range"),
            models.CheckConstraint(condition=Q(base_s__isnull=True) | Q(cap_s__isnull=True) | Q(cap_s__gte=F("base_s")), name="taskpolicy_cap_not_under_base"),
            models.CheckConstraint(condition=Q(jitter__isnull=True) | Q(jitter__range=(0.0, 1.0)), name="taskpolicy_jitter_in_range"),
            models.CheckConstraint(condition=Q(timeout_s__isnull=True) | Q(timeout_s__range=(1.0, LONGEST_TIMEOUT_S)), name="taskpolicy_timeout_in_range"),
        ]

    def __str__(self) -> str:
        return self.kind

    def clean(self) -> None:
        """Check the values together with those that stay as declared.

        Raises:
            ValidationError: the longest wait would be shorter than the first one.
        """
        from resilience.tasks.policies import check_waits

        check_waits(self.kind, base=self.base_s, cap=self.cap_s)

    @property
    def overrides(self) -> dict[str, Any]:
        """Return what differs from the declaration, by the field names of `Kind`."""
        values = {"tries": self.tries, "base": self.base_s, "cap": self.cap_s, "jitter": self.jitter, "timeout": self.timeout_s}
        return {name: value for name, value in values.items() if value is not None}


class PauseScope(models.TextChoices):
    KIND = "kind"
    QUEUE = "queue"


class Pause(models.Model):
    """Tasks of a kind or of a queue are not begun while this row is here and `until` lies ahead. They stay pending, and count as such."""

    scope = models.CharField(max_length=5, choices=PauseScope.choices)
    name = models.CharField(max_length=80, help_text="Of the kind or the queue.")
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    since = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True, blank=True, help_text="Ends by itself then; empty: until somebody resumes it.")

    class Meta:
        permissions = [("pause_tasks", "Can pause and resume tasks")]
        constraints = [
            models.UniqueConstraint(fields=["scope", "name"], name="pause_one_each"),
            models.CheckConstraint(condition=Q(scope__in=PauseScope.values), name="pause_scope_known"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.name}"
