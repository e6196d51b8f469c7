from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Reaper(models.Model):
    """When a reaper ran last, how that went, and when it runs next. Written by statements guarded by `epoch` (resilience/reaping.py)."""

    name = models.CharField(max_length=120, primary_key=True, help_text="With @host where each host runs its own.")
    every = models.DurationField(help_text="As the program declares it.")
    due_at = models.DateTimeField(db_default=Now())
    epoch = models.BigIntegerField(default=0, help_text="+1 with every run; the end of an older run changes nothing.")
    owner = models.CharField(max_length=120, blank=True, default="", help_text="The process that ran it last.")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="While it runs; after that another host may.")
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Of the last run that came to an end.")
    result = models.PositiveIntegerField(default=0, help_text="What the last run put right.")
    error = models.CharField(max_length=500, blank=True, default="", help_text="Why the last run stopped; empty when it went well.")
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    runs = models.BigIntegerField(default=0)

    class Meta:
        permissions = [("run_reaper", "Can run a reaper now")]
        indexes = [models.Index(fields=["due_at"], name="reaper_due")]

    def __str__(self) -> str:
        return self.name
