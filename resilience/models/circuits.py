from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class CircuitState(models.TextChoices):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open", "half open"
    FORCED_OPEN = "forced_open", "forced open"
    FORCED_CLOSED = "forced_closed", "forced closed"
    DISABLED = "disabled"


BY_HAND = (CircuitState.FORCED_OPEN, CircuitState.FORCED_CLOSED, CircuitState.DISABLED)


class Circuit(models.Model):
    """What the fleet knows of one dependency. Written by statements guarded by `state` and `version` (circuits/sql.py), never by `.save()`."""

    name = models.CharField(max_length=100, primary_key=True)
    state = models.CharField(max_length=16, choices=CircuitState.choices, default=CircuitState.CLOSED)
    version = models.BigIntegerField(default=0, help_text="+1 with every transition; a statement of an older version changes nothing.")
    window_started_at = models.DateTimeField(null=True, blank=True)
    window_calls = models.PositiveIntegerField(default=0)
    window_failures = models.PositiveIntegerField(default=0)
    window_slow = models.PositiveIntegerField(default=0)
    window_slots = ArrayField(models.IntegerField(), default=list, blank=True, help_text="Six slots of calls, failures and slow calls, the newest first.")
    opened_at = models.DateTimeField(null=True, blank=True)
    open_until = models.DateTimeField(null=True, blank=True)
    open_streak = models.PositiveIntegerField(default=0)
    trial_owner = models.CharField(max_length=120, blank=True, default="")
    trial_expires_at = models.DateTimeField(null=True, blank=True)
    trial_successes = models.PositiveIntegerField(default=0)
    forced_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    forced_reason = models.CharField(max_length=300, blank=True, default="")
    forced_until = models.DateTimeField(null=True, blank=True)
    limits = models.JSONField(default=dict, blank=True, help_text="What the code that calls asks for; written when a process first uses the circuit.")
    last_error = models.CharField(max_length=300, blank=True, default="")
    last_error_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        permissions = [("force_circuit", "Can force or reset a circuit")]
        constraints = [models.CheckConstraint(condition=Q(state__in=CircuitState.values), name="circuit_state_known")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_forced(self) -> bool:
        return self.state in BY_HAND


class CircuitEvent(models.Model):
    """One transition of the whole fleet, written in the transition's own statement."""

    circuit = models.ForeignKey(Circuit, on_delete=models.CASCADE, related_name="events")
    version = models.BigIntegerField()
    from_state = models.CharField(max_length=16, choices=CircuitState.choices)
    to_state = models.CharField(max_length=16, choices=CircuitState.choices)
    reason = models.CharField(max_length=300, blank=True, default="")
    owner = models.CharField(max_length=120, blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["circuit", "version"], name="circuitevent_one_per_version")]

    def __str__(self) -> str:
        return f"{self.circuit_id}: {self.from_state} → {self.to_state}"
