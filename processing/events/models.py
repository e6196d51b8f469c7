"""What engines that work elsewhere told us, what of theirs nobody here knows, and how often we may ask them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Source(models.TextChoices):
    """How a piece of news came here: sent to us, asked for, or found while looking at all that is there."""

    EVENT = "event"
    POLL = "poll"
    SWEEP = "sweep"


class Outcome(models.TextChoices):
    APPLIED = "applied"
    NO_CHANGE = "no_change", "nothing new"
    ADOPTED = "adopted"
    NOTED = "noted"
    CONTRADICTS = "contradicts", "contradicts what was known"
    UNKNOWN = "unknown", "nobody knows its job"
    MALFORMED = "malformed", "cannot be read"


class EngineEvent(models.Model):
    """One piece of news, as it came. The log of an attempt is all of them with its id, by `id`."""

    event_id = models.CharField(max_length=120, unique=True, help_text="The sender's own; the same event is written down once.")
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.EVENT)
    engine = models.CharField(max_length=60, blank=True, default="")
    external_id = models.CharField(max_length=120, blank=True, default="", help_text="The engine's own id of the job.")
    attempt_id = models.CharField(max_length=40, blank=True, default="", help_text="Public id of the attempt it was taken for.")
    news = models.CharField(max_length=40, blank=True, default="", help_text="In the engine's words: STATUS_UPDATE, COMPLETE, …")
    percent = models.FloatField(null=True, blank=True)
    phase = models.CharField(max_length=60, blank=True, default="")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    ended = models.BooleanField(default=False, help_text="The first news of how its attempt ended at the engine.")
    said = models.CharField(max_length=500, blank=True, default="", help_text="Why it cannot be read, or what it contradicts.")
    body = models.JSONField(default=dict, blank=True, help_text="As it came, without secrets.")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="By the sender's clock.")
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "processing"
        permissions = [("replay_event", "Can replay and discard events that were given up")]
        constraints = [models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="engineevent_outcome_known")]
        indexes = [
            models.Index(fields=["attempt_id", "id"], condition=~Q(attempt_id=""), name="engineevent_of_attempt"),
            models.Index(fields=["received_at"], name="engineevent_age"),
            models.Index(fields=["received_at"], condition=Q(ended=True), name="engineevent_ends"),
            models.Index(fields=["external_id"], condition=Q(ended=True), name="engineevent_end_of_job"),
            models.Index(fields=["received_at"], condition=Q(outcome__in=(Outcome.MALFORMED, Outcome.CONTRADICTS)), name="engineevent_strange"),
        ]

    def __str__(self) -> str:
        return f"{self.news or self.outcome} of {self.external_id or self.event_id}"


class OrphanState(models.TextChoices):
    OPEN = "open"
    ADOPTED = "adopted"
    CANCELED = "canceled"
    ENDED = "ended", "ended by itself"
    DISMISSED = "dismissed"


class RemoteOrphan(models.Model):
    """A job at an engine that no attempt of ours names."""

    engine = models.CharField(max_length=60)
    external_id = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=OrphanState.choices, default=OrphanState.OPEN)
    status = models.CharField(max_length=40, blank=True, default="", help_text="At the engine, in its words.")
    env = models.CharField(max_length=80, blank=True, default="", help_text="The installation it says it is of; empty when it says none.")
    attempt_id = models.CharField(max_length=60, blank=True, default="", help_text="The attempt it says it is of.")
    source = models.CharField(max_length=8, choices=Source.choices)
    note = models.CharField(max_length=300, blank=True, default="", help_text="What became of it.")
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "processing"
        verbose_name = "orphan"
        permissions = [("cancel_orphan", "Can cancel and dismiss orphans")]
        constraints = [
            models.UniqueConstraint(fields=["engine", "external_id"], name="remoteorphan_once"),
            models.CheckConstraint(condition=Q(state__in=OrphanState.values), name="remoteorphan_state_known"),
        ]
        indexes = [models.Index(fields=["state", "last_seen_at"], name="remoteorphan_by_state")]

    def __str__(self) -> str:
        return f"{self.external_id} at {self.engine}"


class EventQueue(models.Model):
    """A queue news comes through, and when somebody looked into it last."""

    address = models.CharField(max_length=300, primary_key=True)
    read_at = models.DateTimeField(null=True, blank=True, help_text="When a consumer last asked it and was answered.")
    read_by = models.CharField(max_length=120, blank=True, default="")
    event_at = models.DateTimeField(null=True, blank=True, help_text="When something last came.")
    dead = models.PositiveIntegerField(default=0, help_text="Messages in its dead letter queue when somebody last looked.")
    error = models.CharField(max_length=300, blank=True, default="", help_text="Why it could not be read when that was last tried.")

    class Meta:
        app_label = "processing"

    def __str__(self) -> str:
        return self.address.rpartition("/")[2]


class CallBudget(models.Model):
    """How many calls the whole fleet may make just now. Changed by compare-and-set only (`processing/events/budget.py`)."""

    name = models.CharField(max_length=60, primary_key=True)
    tokens = models.FloatField()
    filled_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "processing"
        constraints = [models.CheckConstraint(condition=Q(tokens__gte=0), name="callbudget_not_overdrawn")]

    def __str__(self) -> str:
        return self.name
