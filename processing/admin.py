"""Jobs, attempts, renditions and retry policies in the console."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin

from processing import job_page
from processing.captions import admin as captions_admin  # noqa: F401 - they register themselves
from processing.classify import ErrorClass
from processing.events import admin as events_admin  # noqa: F401
from processing.extras import admin as extras_admin  # noqa: F401
from processing.models import LIVE_JOB_STATES, Attempt, Job, JobState, Publication, Rendition, RetryPolicy
from processing.services import jobs
from processing.services.chain import configured_chain
from resilience.admin_actions import Change, ConsoleAdmin, Given, ReasonForm
from resilience.admin_display import age, as_json, as_text, badge, between, error_label, link, size_in_words, state_of
from resilience.admin_filters import recent
from resilience.admin_policies import Plan, PolicyAdmin, PolicyForm
from resilience.errors import CATALOGUE


def _retry(job: Job, given: Given) -> None:
    jobs.retry_job(job, by=given.actor, reason=given.reason)


def _retry_with(job: Job, given: Given) -> None:
    jobs.retry_job(job, by=given.actor, reason=given.reason, engine=given.values["engine"])


class EngineForm(ReasonForm):
    """Which engine is to begin, and why."""

    engine = forms.ChoiceField(choices=lambda: [(name, name) for name in configured_chain()])
    field_order = ["engine", "reason"]


def _cancel(job: Job, given: Given) -> None:
    jobs.cancel_job(job, by=given.actor, reason=given.reason)


@admin.register(Job)
class JobAdmin(ConsoleAdmin):
    change_form_template = "admin/processing/job/change_form.html"
    list_display = ["public_id", "of_video", "owner", "shown_state", "percent_done", "error_code", "created_at", "waits"]
    list_filter = ["state", recent("error_code")]
    list_select_related = ["video__owner"]
    search_fields = ["public_id__startswith", "video__public_id__exact", "video__owner__email__iexact", "request_id__exact"]
    search_help_text = "Start of a job's id, a whole video id, e-mail address or request id."
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["public_id", "shown_state", "percent_done", "error", "retry_at", "request_id"]}),
        ("Plan", {"fields": ["ladder_json", "engines"]}),
        ("Time", {"fields": ["created_at", "updated_at", "finished_at", "version"]}),
    ]
    changes = [
        Change(
            name="retry",
            label="Retry",
            done="retried",
            permission="processing.retry_job",
            consequence="One that waits starts at once; one that has ended gets a successor that makes only what is missing. All history is kept.",
            apply=_retry,
            service_records=True,
            fits=lambda job: job.state != JobState.READY,
        ),
        Change(
            name="retry_with",
            label="Retry with another engine",
            done="retried with the chosen engine",
            permission="processing.retry_job",
            consequence="Begins with the engine you choose, whatever failed before, and makes only the rungs that are missing. All history is kept.",
            apply=_retry_with,
            form=EngineForm,
            service_records=True,
            fits=lambda job: job.state != JobState.READY and len(configured_chain()) > 1,
        ),
        Change(
            name="cancel",
            label="Cancel",
            done="canceled",
            permission="processing.cancel_job",
            consequence="The job ends here, and what runs for it is stopped. It can be retried later.",
            apply=_cancel,
            service_records=True,
            fits=lambda job: job.state in LIVE_JOB_STATES,
        ),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, job: Job) -> str:
        return state_of(job)

    @admin.display(description="video")
    def of_video(self, job: Job) -> str:
        return job.video.title

    @admin.display(description="owner")
    def owner(self, job: Job) -> str:
        return job.video.owner.get_username()

    @admin.display(description="done")
    def percent_done(self, job: Job) -> str:
        return f"{job.percent:.0f} %"

    @admin.display(description="age")
    def waits(self, job: Job) -> str:
        return age(job.created_at) if job.state in LIVE_JOB_STATES else "–"

    @admin.display(description="error")
    def error(self, job: Job) -> str:
        return error_label(job.error_code, job.error_fields)

    @admin.display(description="ladder")
    def ladder_json(self, job: Job) -> str:
        return as_json(job.ladder)

    def more(self, row: Any) -> dict[str, Any]:
        return job_page.context(row)


@admin.register(Attempt)
class AttemptAdmin(ConsoleAdmin):
    list_display = ["public_id", "of_job", "number", "engine", "shown_state", "error_code", "error_class", "started_at", "took"]
    list_filter = ["state", recent("engine"), recent("error_class"), recent("error_code")]
    list_select_related = ["job"]
    search_fields = ["public_id__startswith", "job__public_id__exact", "external_id__exact"]
    search_help_text = "Start of an attempt's id, a whole job id, or the engine's own id."
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["public_id", "of_job", "number", "engine", "shown_state", "percent", "phase", "salvage"]}),
        ("How it went", {"fields": ["error", "error_class", "raw", "decision"]}),
        ("At the engine", {"fields": ["external_id", "client_token", "observation_rank"]}),
        ("Time", {"fields": ["created_at", "started_at", "observed_at", "ended_at", "took"]}),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, attempt: Attempt) -> str:
        return state_of(attempt)

    @admin.display(description="job")
    def of_job(self, attempt: Attempt) -> str:
        return link(attempt.job)

    @admin.display(description="took")
    def took(self, attempt: Attempt) -> str:
        return between(attempt.started_at, attempt.ended_at)

    @admin.display(description="error")
    def error(self, attempt: Attempt) -> str:
        return error_label(attempt.error_code)

    @admin.display(description="the engine's own words")
    def raw(self, attempt: Attempt) -> str:
        return as_text(attempt.error_raw)


@admin.register(Rendition)
class RenditionAdmin(ConsoleAdmin):
    list_display = ["__str__", "of_job", "rung", "shown_state", "bytes", "duration_s", "ready_at"]
    list_filter = ["state", recent("rung")]
    list_select_related = ["job"]
    search_fields = ["job__public_id__exact"]
    search_help_text = "A whole job id."
    ordering = ["-id"]
    fields = ["of_job", "attempt", "rung", "shown_state", "path", "bytes", "duration_s", "width", "height", "bitrate", "codecs", "ready_at"]

    @admin.display(description="state", ordering="state")
    def shown_state(self, rendition: Rendition) -> str:
        return badge(rendition.state)

    @admin.display(description="job")
    def of_job(self, rendition: Rendition) -> str:
        return link(rendition.job)

    @admin.display(description="size")
    def bytes(self, rendition: Rendition) -> str:
        return size_in_words(rendition.size)


@admin.register(Publication)
class PublicationAdmin(ConsoleAdmin):
    list_display = ["__str__", "of_video", "of_job", "complete", "published_at"]
    list_filter = ["complete"]
    list_select_related = ["video", "job"]
    search_fields = ["video__public_id__exact", "job__public_id__exact"]
    search_help_text = "A whole video id or job id."
    ordering = ["-id"]
    fields = ["of_video", "of_job", "playlist", "poster", "complete", "published_at"]

    @admin.display(description="video")
    def of_video(self, publication: Publication) -> str:
        return link(publication.video)

    @admin.display(description="job")
    def of_job(self, publication: Publication) -> str:
        return link(publication.job)


class RetryPolicyForm(PolicyForm):
    class Meta:
        model = RetryPolicy
        fields = ["error_class", "error_code", "tries", "base_s", "cap_s", "jitter", "within_s", "next_after_s", "engines", "salvage", "users_first", "enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "error_class" in self.fields:  # of a new one
            self.fields["error_class"] = forms.ChoiceField(choices=[(each.value, each.value) for each in ErrorClass])

    def clean_error_code(self) -> str:
        code = str(self.cleaned_data["error_code"]).strip()
        if code and code not in {entry.code for entry in CATALOGUE}:
            raise forms.ValidationError("No error of the catalogue has this code.")
        return code

    def clean_engines(self) -> Any:
        return self.cleaned_data["engines"] or []


@admin.register(RetryPolicy)
class RetryPolicyAdmin(PolicyAdmin):
    form = RetryPolicyForm
    changing = "processing.change_retrypolicy"
    chosen_by = ("error_class", "error_code")
    edited = ("tries", "base_s", "cap_s", "jitter", "within_s", "next_after_s", "engines", "salvage", "users_first", "enabled")
    list_display = ["error_class", "error_code", "enabled", "tries", "base_s", "cap_s", "next_after_s", "engines", "salvage", "users_first", "updated_at"]
    ordering = ["error_class", "error_code"]

    def plan_of(self, row: RetryPolicy) -> Plan:
        return Plan(waits=row.tries if row.enabled else 0, base=row.base_s, cap=row.cap_s, jitter=row.jitter)
