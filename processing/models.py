"""Turning a source into renditions: a `Job` is the promise, an `Attempt` one try at it by one engine."""

from __future__ import annotations

from functools import partial

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from processing.captions.models import Caption as Caption  # tables of this app too
from processing.events.models import CallBudget as CallBudget
from processing.events.models import EngineEvent as EngineEvent
from processing.events.models import EventQueue as EventQueue
from processing.events.models import RemoteOrphan as RemoteOrphan
from processing.extras.models import Extra as Extra
from resilience.ids import opaque_id
from uploads.models import UploadSession, Video


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    READY_PARTIAL = "ready_partial", "ready in part"
    NEEDS_NEW_FILE = "needs_new_file", "needs a new file"
    BLOCKED = "blocked"
    DEAD = "dead"
    CANCELED = "canceled"


LIVE_JOB_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.BLOCKED)


class Job(models.Model):
    public_id = models.CharField(max_length=40, unique=True, editable=False, default=partial(opaque_id, "job"))
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="jobs")
    source = models.ForeignKey(UploadSession, on_delete=models.RESTRICT, related_name="jobs")
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED)
    ladder = models.JSONField(default=list, help_text="Rungs to make, lowest first.")
    engines = models.JSONField(default=list, help_text="The engine chain, first choice first.")
    error_code = models.CharField(max_length=80, blank=True, default="")
    error_fields = models.JSONField(default=dict, blank=True)
    percent = models.FloatField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True, help_text="When the next try starts, while one is waiting.")
    retries_told = models.BooleanField(default=False, help_text="The owner was told once that we are retrying.")
    version = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("retry_job", "Can retry a job"), ("cancel_job", "Can cancel a job")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.UniqueConstraint(fields=["source"], condition=Q(state__in=LIVE_JOB_STATES), name="job_one_live_per_source"),
        ]
        indexes = [models.Index(fields=["state", "updated_at"], name="job_state_age"), models.Index(fields=["video", "-created_at"], name="job_of_video")]

    def __str__(self) -> str:
        return self.public_id


class AttemptState(models.TextChoices):
    CREATED = "created"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    PROGRESSING = "progressing"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"
    SUPERSEDED = "superseded"


LIVE_ATTEMPT_STATES = (AttemptState.CREATED, AttemptState.SUBMITTING, AttemptState.SUBMITTED, AttemptState.PROGRESSING, AttemptState.VERIFYING)
UNSUCCESSFUL_ATTEMPT_STATES = (AttemptState.FAILED, AttemptState.CANCELED, AttemptState.LOST, AttemptState.SUPERSEDED)


class Attempt(models.Model):
    public_id = models.CharField(max_length=40, unique=True, editable=False, default=partial(opaque_id, "att"))
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    engine = models.CharField(max_length=60)
    external_id = models.CharField(max_length=120, blank=True, default="")
    client_token = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=12, choices=AttemptState.choices, default=AttemptState.CREATED)
    observation_rank = models.PositiveSmallIntegerField(default=0, help_text="1 submitted, 2 progressing, 3 ended: news never goes down.")
    percent = models.FloatField(default=0)
    phase = models.CharField(max_length=60, blank=True, default="", help_text="What it is busy with, e.g. the rung.")
    salvage = models.BooleanField(default=False, help_text="A lenient pass over a damaged source.")
    error_code = models.CharField(max_length=80, blank=True, default="")
    error_fields = models.JSONField(default=dict, blank=True)
    error_class = models.CharField(max_length=20, blank=True, default="")
    error_raw = models.TextField(blank=True, default="", help_text="Engine's own words; never shown to users.")
    decision = models.CharField(max_length=200, blank=True, default="", help_text="What was decided after it ended, and why.")
    created_at = models.DateTimeField(db_default=Now())
    asked_at = models.DateTimeField(null=True, blank=True, help_text="When an engine elsewhere was first asked for it; empty: it has heard nothing.")
    missed_at = models.DateTimeField(null=True, blank=True, help_text="When an engine that never answered was first found to have nothing of it.")
    started_at = models.DateTimeField(null=True, blank=True)
    observed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    look_at = models.DateTimeField(null=True, blank=True, db_default=Now(), help_text="When to look again for files it left; empty once nothing can come.")
    polled_at = models.DateTimeField(null=True, blank=True, help_text="When its engine was last asked how it goes.")
    polls = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Times it was asked since the engine last told us by itself.")

    class Meta:
        ordering = ["job_id", "number"]
        indexes = [
            models.Index(fields=["observed_at"], condition=Q(state__in=(AttemptState.SUBMITTED, AttemptState.PROGRESSING)), name="attempt_watched"),
            models.Index(fields=["external_id"], condition=~Q(external_id=""), name="attempt_at_engine"),
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False, state__in=UNSUCCESSFUL_ATTEMPT_STATES), name="attempt_leftovers"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=AttemptState.values), name="attempt_state_known"),
            models.UniqueConstraint(fields=["job", "number"], name="attempt_number_unique"),
            models.UniqueConstraint(fields=["job"], condition=Q(state__in=LIVE_ATTEMPT_STATES), name="attempt_one_live_per_job"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.job_id}"


class RenditionState(models.TextChoices):
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class Rendition(models.Model):
    """One rung of a job's ladder: a checkpoint. A ready one is never made again."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="renditions")
    attempt = models.ForeignKey(Attempt, null=True, blank=True, on_delete=models.SET_NULL, related_name="renditions")
    rung = models.CharField(max_length=20, help_text="360p, 720p, …, or audio")
    state = models.CharField(max_length=8, choices=RenditionState.choices, default=RenditionState.PENDING)
    path = models.CharField(max_length=300, blank=True, default="", help_text="Its playlist, relative to the rendition store's root.")
    size = models.BigIntegerField(default=0)
    duration_s = models.FloatField(null=True, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    bitrate = models.PositiveIntegerField(default=0, help_text="Bits per second, peak, for the main playlist.")
    codecs = models.CharField(max_length=80, blank=True, default="")
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "rung"], name="rendition_rung_unique")]

    def __str__(self) -> str:
        return f"{self.rung} of {self.job_id}"


class Publication(models.Model):
    """What is played when somebody plays a video: one pointer, flipped in one statement."""

    video = models.OneToOneField(Video, on_delete=models.CASCADE, related_name="publication")
    job = models.ForeignKey(Job, on_delete=models.RESTRICT, related_name="+")
    playlist = models.CharField(max_length=300, help_text="Main playlist, relative to the rendition store's root.")
    poster = models.CharField(max_length=300, blank=True, default="")
    complete = models.BooleanField(default=False)
    published_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"publication of {self.video_id}"


MOST_TRIES = 1_000
LONGEST_WAIT_S = 86_400.0


class RetryPolicy(models.Model):
    """What to do about one class of failure, or about one code of it. Seeded by migration, editable in admin."""

    error_class = models.CharField(max_length=20)
    error_code = models.CharField(max_length=80, blank=True, default="", help_text="Only for this code of the class; empty: for all that have no row.")
    tries = models.PositiveSmallIntegerField(validators=[MaxValueValidator(MOST_TRIES)], help_text="More tries on the same engine; 0 means none.")
    base_s = models.FloatField(
        "base", validators=[MinValueValidator(0), MaxValueValidator(LONGEST_WAIT_S)], help_text="Seconds before the first retry; doubles each time."
    )
    cap_s = models.FloatField("cap", validators=[MinValueValidator(0), MaxValueValidator(LONGEST_WAIT_S)], help_text="Longest wait, in seconds.")
    jitter = models.FloatField(
        default=0.5, validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="How much of a wait is left to chance: 0.5 waits between half of it and all of it.",
    )  # fmt: skip
    engines = models.JSONField(
        default=list, blank=True, help_text='Engines to go on with, in this order, as ["local"]; empty: in the order of the job.'
    )  # fmt: skip
    salvage = models.BooleanField(default=False, help_text="Allow one lenient pass over a damaged source.")
    within_s = models.FloatField(
        "within", default=0.0, validators=[MinValueValidator(0), MaxValueValidator(LONGEST_WAIT_S)],
        help_text="Of throttling and full engines: seconds after which waiting ends; 0 counts the tries alone.",
    )  # fmt: skip
    next_after_s = models.FloatField(
        "next engine after", default=0.0, validators=[MinValueValidator(0), MaxValueValidator(LONGEST_WAIT_S)],
        help_text="Of throttling and full engines: seconds one engine may make a job wait before the next one's turn; 0 waits for all tries.",
    )  # fmt: skip
    users_first = models.BooleanField(
        default=True, help_text="Of faults in our settings and rights: another kind of engine goes on at once, where there is one; without, the job waits."
    )
    enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "retry policies"
        constraints = [
            models.UniqueConstraint(fields=["error_class", "error_code"], name="retrypolicy_one_each"),
            models.CheckConstraint(condition=Q(tries__range=(0, MOST_TRIES)), name="retrypolicy_tries_in_range"),
            models.CheckConstraint(condition=Q(base_s__range=(0, LONGEST_WAIT_S), cap_s__range=(0, LONGEST_WAIT_S)), name="retrypolicy_waits_in_range"),
            models.CheckConstraint(
                condition=Q(within_s__range=(0, LONGEST_WAIT_S), next_after_s__range=(0, LONGEST_WAIT_S)), name="retrypolicy_limits_in_range"
            ),
            models.CheckConstraint(condition=Q(cap_s__gte=F("base_s")), name="retrypolicy_cap_not_under_base"),
            models.CheckConstraint(condition=Q(jitter__range=(0.0, 1.0)), name="retrypolicy_jitter_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.error_class} {self.error_code}".strip()

    def clean(self) -> None:
        """Check the values together.

        Raises:
            ValidationError: the longest wait is shorter than the first one, or an engine is none of ours.
        """
        if self.base_s is not None and self.cap_s is not None and self.cap_s < self.base_s:
            raise ValidationError({"cap_s": f"The longest wait ({self.cap_s:g} s) is shorter than the first one ({self.base_s:g} s)."})
        if not isinstance(self.engines, list) or not all(isinstance(name, str) and name for name in self.engines):
            raise ValidationError({"engines": 'A list of names of engines, as ["local"].'})
