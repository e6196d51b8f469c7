from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class TaskState(models.TextChoices):
    PENDING = "pending"
    LEASED = "leased"
    RETRY_WAIT = "retry_wait", "waiting to retry"
    SUCCEEDED = "succeeded"
    DEAD = "dead", "dead letter"
    CANCELED = "canceled"


LIVE_STATES = (TaskState.PENDING, TaskState.LEASED, TaskState.RETRY_WAIT)
WAITING_STATES = (TaskState.PENDING, TaskState.RETRY_WAIT)
OVER_STATES = (TaskState.SUCCEEDED, TaskState.CANCELED)


class Task(models.Model):
    """One piece of work that must happen. This row is the truth; a queue message is only a wake-up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=80)
    queue = models.CharField(max_length=40, default="default")
    key = models.CharField(max_length=200, blank=True, default="", help_text="Unique among live tasks of a kind: enqueuing twice makes one.")
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=TaskState.choices, default=TaskState.PENDING)
    priority = models.SmallIntegerField(default=50, help_text="Lower runs first.")
    run_at = models.DateTimeField(db_default=Now())
    woken_at = models.DateTimeField(null=True, blank=True, help_text="When a wake-up was last sent.")
    attempt = models.PositiveIntegerField(default=0)
    crash_count = models.PositiveIntegerField(default=0)
    snoozed_since = models.DateTimeField(null=True, blank=True, help_text="Start of the snoozes in a row.")
    lease_owner = models.CharField(max_length=120, blank=True, default="")
    lease_epoch = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=80, blank=True, default="")
    error_fingerprint = models.CharField(max_length=64, blank=True, default="")
    last_error = models.TextField(blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("replay_task", "Can replay a dead letter"), ("discard_task", "Can discard a dead letter")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], condition=Q(state__in=LIVE_STATES) & ~Q(key=""), name="task_live_key_unique"),
            models.CheckConstraint(condition=Q(state__in=TaskState.values), name="task_state_known"),
            models.CheckConstraint(condition=~Q(state=TaskState.LEASED) | Q(lease_expires_at__isnull=False), name="task_leased_has_expiry"),
        ]
        indexes = [
            # By kind, too: a claim walks the few lines there are, and steps over the paused ones however long they are.
            models.Index(fields=["queue", "kind", "priority", "run_at"], condition=Q(state__in=WAITING_STATES), name="task_line"),
            models.Index(fields=["finished_at"], condition=Q(state__in=OVER_STATES), name="task_over"),
            models.Index(fields=["lease_expires_at"], condition=Q(state=TaskState.LEASED), name="task_lease_expiry"),
            models.Index(fields=["error_fingerprint"], condition=Q(state=TaskState.DEAD), name="task_dead_group"),
            models.Index(fields=["state", "created_at"], name="task_state_age"),
            models.Index(fields=["-created_at", "-id"], name="task_newest"),
            models.Index(fields=["key"], name="task_of_key", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key or self.id}"


class RunOutcome(models.TextChoices):
    OK = "ok"
    ERROR = "error"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    LOST = "lost"
    SNOOZED = "snoozed"
    INTERRUPTED = "interrupted"


class TaskRun(models.Model):
    """One try of a task, committed before its body runs: a killed worker leaves evidence."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="runs", db_index=False)  # the constraint's index begins with it
    number = models.PositiveIntegerField()
    owner = models.CharField(max_length=120)
    epoch = models.BigIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=RunOutcome.choices, blank=True, default="", help_text="Empty while it runs.")
    error_code = models.CharField(max_length=80, blank=True, default="")
    error = models.TextField(blank=True, default="")
    traceback = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["task_id", "number"]
        constraints = [models.UniqueConstraint(fields=["task", "number"], name="taskrun_number_unique")]

    def __str__(self) -> str:
        return f"run {self.number} of {self.task_id}"
