"""Policies and pauses in the console: changed with a reason, checked, written down, and shown with the schedule that comes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from processing.models import RetryPolicy
from resilience.admin_policies import Plan, in_words
from resilience.admin_versions import seen_of
from resilience.circuits import control
from resilience.models import GroupChange, OperatorAction, Pause, Task, TaskPolicy
from resilience.models.tasks import TaskState
from resilience.tasks import durable, pausing, policies
from tests.admin.rows import make_task, staff_with

pytestmark = pytest.mark.django_db

OF_THE_FORM = {
    "tries": "3",
    "base_s": "5",
    "cap_s": "900",
    "jitter": "0.5",
    "within_s": "0",
    "next_after_s": "0",
    "users_first": "on",
    "reason": "calmer at night",
}


@durable("test.console", tries=4, base=10.0, cap=60.0)
def body(context) -> None: ...


@durable("test.console_needy", needs=("test.console_needed",))
def needy(context) -> None: ...


def signed_in(person: Any) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(person)
    return client


def retry_policy() -> RetryPolicy:
    return RetryPolicy.objects.get_or_create(error_class="test", defaults={"tries": 3, "base_s": 5.0, "cap_s": 900.0})[0]


def page(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def edit(client: Client, row: Any, **values: Any) -> Any:
    seen = seen_of(row, admin.site._registry[type(row)].edited)
    return client.post(page(row), {**OF_THE_FORM, "seen": seen, "enabled": "on", "engines": "[]", **values})


def test_a_retry_policy_is_edited_with_a_reason() -> None:
    row, person = retry_policy(), staff_with("processing.view_retrypolicy", "processing.change_retrypolicy")
    assert edit(signed_in(person), row, tries="7", engines='["local"]').status_code == 302
    row.refresh_from_db()
    assert (row.tries, row.error_class, row.engines) == (7, "test", ["local"])
    [record] = OperatorAction.objects.all()
    assert (record.actor, record.target, record.reason) == (person, "test: tries 3 → 7, engines [] → ['local']", "calmer at night")


@pytest.mark.parametrize(
    "wrong",
    [{"tries": "-1"}, {"tries": "1001"}, {"base_s": "-1"}, {"cap_s": "1"}, {"cap_s": "nan"}, {"reason": ""}, {"jitter": "2"}, {"engines": '{"a": 1}'}],
    ids=str,
)
def test_a_retry_policy_that_makes_no_sense_is_not_stored(operator: Client, wrong: dict[str, str]) -> None:
    row = retry_policy()
    answer = edit(operator, row, **{"tries": "9", **wrong})
    assert answer.status_code == 200
    row.refresh_from_db()
    assert row.tries == 3
    assert not OperatorAction.objects.exists()


def test_policies_are_not_edited_by_those_who_may_only_look() -> None:
    TaskPolicy.objects.create(kind="test.console")
    client = signed_in(staff_with("processing.view_retrypolicy", "resilience.view_taskpolicy", "resilience.view_pause"))
    for row in (retry_policy(), TaskPolicy.objects.get(kind="test.console")):
        assert client.get(page(row)).status_code == 200
        assert edit(client, row, tries="9").status_code == 403
        assert client.get(reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_add")).status_code == 403
    assert client.post(reverse("admin:resilience_pause_add"), {"what": "queue:media", "reason": "no reason", "lasts": "15"}).status_code == 403
    assert not OperatorAction.objects.exists()


def test_a_retry_policy_for_one_code_is_made(operator: Client) -> None:
    form = {**OF_THE_FORM, "error_class": "transient", "error_code": "ENCODING_ENGINE_BUSY", "engines": "", "enabled": "on"}
    refused = operator.post(reverse("admin:processing_retrypolicy_add"), {**form, "error_code": "NO_SUCH_CODE"})
    assert "No error of the catalogue" in refused.text
    from resilience.errors import CATALOGUE

    code = next(iter(CATALOGUE)).code
    assert operator.post(reverse("admin:processing_retrypolicy_add"), {**form, "error_code": code}).status_code == 302
    assert RetryPolicy.objects.get(error_code=code).tries == 3
    assert OperatorAction.objects.get().action == "processing.retrypolicy.add"


def test_a_task_policy_overrides_what_is_declared_and_counts_at_once(operator: Client, django_capture_on_commit_callbacks: Any) -> None:
    row = TaskPolicy.objects.create(kind="test.console")
    assert policies.effective("test.console").tries == 4
    with django_capture_on_commit_callbacks(execute=True):
        assert edit(operator, row, tries="9", base_s="", cap_s="", jitter="", timeout_s="").status_code == 302
    assert policies.effective("test.console").tries == 9
    assert "9 (declared 4)" in operator.get(reverse("admin:resilience_taskpolicy_changelist")).text
    assert OperatorAction.objects.get().target == "test.console: tries None → 9"


@pytest.mark.parametrize(
    "wrong", [{"tries": "0"}, {"tries": "101"}, {"base_s": "100", "cap_s": ""}, {"jitter": "-1"}, {"reason": "x"}, {"timeout_s": "0"}], ids=str
)
def test_a_task_policy_that_makes_no_sense_is_not_stored(operator: Client, wrong: dict[str, str]) -> None:
    row = TaskPolicy.objects.create(kind="test.console")
    assert edit(operator, row, **wrong).status_code == 200
    row.refresh_from_db()
    assert row.overrides == {}


def test_a_kind_without_a_policy_gets_one(operator: Client) -> None:
    address = reverse("admin:resilience_taskpolicy_add")
    assert 'value="test.console"' in operator.get(address).text
    assert operator.post(address, {**OF_THE_FORM, "kind": "test.console", "timeout_s": ""}).status_code == 302
    assert TaskPolicy.objects.get(kind="test.console").overrides == {"tries": 3, "base": 5.0, "cap": 900.0, "jitter": 0.5}
    assert 'value="test.console"' not in operator.get(address).text


class TestSchedules:
    def test_each_wait_has_its_range_and_all_of_them_a_total(self):
        shown = in_words(Plan(waits=3, base=10, cap=25, jitter=0.5))
        assert [(wait.least, wait.most, wait.after) for wait in shown["waits"]] == [
            ("5.0 s", "10 s", "10 s"),
            ("10 s", "20 s", "30 s"),
            ("12 s", "25 s", "55 s"),
        ]
        assert (shown["least"], shown["most"], shown["more"]) == ("28 s", "55 s", 0)

    def test_many_waits_are_summed_up(self):
        shown = in_words(Plan(waits=99, base=5, cap=900))
        assert (len(shown["waits"]), shown["more"]) == (12, 87)

    def test_the_page_shows_what_is_stored_and_the_preview_what_is_typed(self, operator):
        row = TaskPolicy.objects.create(kind="test.console")
        assert '<td class="number">40 s</td>' in operator.get(page(row)).text
        typed = {"row": row.pk, "tries": "2", "base_s": "30", "cap_s": "", "jitter": "0"}
        preview = operator.get(reverse("admin:resilience_taskpolicy_schedule"), typed)
        assert preview.text.count("30 s") == 5
        row.refresh_from_db()
        assert row.overrides == {}

    def test_the_preview_says_what_is_wrong(self, operator):
        row = retry_policy()
        preview = operator.get(reverse("admin:processing_retrypolicy_schedule"), {"row": row.pk, **OF_THE_FORM, "cap_s": "1", "engines": "[]"})
        assert "The longest wait (1 s) is shorter than the first one (5 s)." in preview.text

    def test_it_is_not_for_everybody(self):
        row = retry_policy()
        address = reverse("admin:processing_retrypolicy_schedule")
        assert signed_in(staff_with("resilience.view_task")).get(address, {"row": row.pk}).status_code == 403
        assert Client().get(address).status_code == 302


class TestPausesInTheConsole:
    def test_a_kind_is_paused_and_resumed_from_its_policy(self, operator):
        row = TaskPolicy.objects.create(kind="test.console")
        listed = reverse("admin:resilience_taskpolicy_changelist")
        operator.post(listed, {"action": "pause", "_selected_action": row.pk, "confirmed": "yes", "reason": "disk swap", "lasts": "60"})
        held = Pause.objects.get()
        assert (held.scope, held.name, held.reason) == ("kind", "test.console", "disk swap")
        assert held.until is not None
        operator.post(listed, {"action": "resume", "_selected_action": row.pk, "confirmed": "yes", "reason": "swapped"})
        assert not Pause.objects.exists()
        assert list(OperatorAction.objects.order_by("pk").values_list("action", flat=True)) == ["task.pause", "task.resume"]

    def test_a_queue_is_paused_on_the_page_of_pauses(self, operator):
        address = reverse("admin:resilience_pause_add")
        assert 'value="queue:media"' in operator.get(address).text
        answer = operator.post(address, {"what": "queue:media", "reason": "no encoder", "lasts": "0"})
        assert answer.status_code == 302, answer.context["errors"]
        assert (Pause.objects.get().name, Pause.objects.get().until) == ("media", None)
        assert "queue media" in operator.get(reverse("admin:resilience_pause_changelist")).text

    def test_a_task_that_waits_says_what_holds_it_back(self, operator):
        pausing.pause("kind", "test.console", by=None, reason="it hurts the disk")
        policies.forget()
        assert "The kind test.console is paused: it hurts the disk" in operator.get(page(make_task(kind="test.console"))).text
        assert "is paused" not in operator.get(page(make_task(kind="test.console", state=TaskState.SUCCEEDED))).text

    def test_a_kind_whose_circuit_is_open_is_shown_to_rest(self, operator):
        TaskPolicy.objects.create(kind="test.console_needy")
        control.force_open("test.console_needed", by=None, reason="down", until=timezone.now() + timedelta(hours=1))
        assert "test.console_needed" in operator.get(reverse("admin:resilience_taskpolicy_changelist")).text
        assert "It needs what rests just now: test.console_needed" in operator.get(page(make_task(kind="test.console_needy"))).text

    def test_no_pause_without_a_reason(self, operator):
        assert operator.post(reverse("admin:resilience_pause_add"), {"what": "queue:media", "reason": "", "lasts": "0"}).status_code == 200
        assert not Pause.objects.exists()


class TestDeadLettersPage:
    def test_groups_are_shown_with_what_can_be_done(self, operator):
        for kind in ("test.one", "test.two", "test.two"):
            make_task(kind=kind, state=TaskState.DEAD, error_fingerprint="aa" * 16, last_error="ValueError: <b>broken</b>")
        make_task(state=TaskState.DEAD, error_fingerprint="bb" * 16)
        GroupChange.objects.create(action="replay", kind="test.one", reason="mended", matched=10, done=4)
        html = operator.get(reverse("admin:resilience_task_dead_letters")).text
        assert html.index("aa" * 7) < html.index("bb" * 7)
        assert all(
            text in html for text in ("test.one", "test.two", "Replay all…", "Discard all…", "ValueError: &lt;b&gt;broken", "replay test.one", "Under way")
        )

    def test_those_who_may_only_look_find_no_buttons(self):
        make_task(state=TaskState.DEAD, error_fingerprint="aa" * 16)
        client = signed_in(staff_with("resilience.view_task"))
        html = client.get(reverse("admin:resilience_task_dead_letters")).text
        assert "aa" * 7 in html
        assert "Replay all" not in html
        assert signed_in(staff_with("support.view_ticket")).get(reverse("admin:resilience_task_dead_letters")).status_code == 403

    def test_secrets_of_a_payload_are_not_shown(self, operator):
        task = make_task(payload={"session_id": "upl_1", "webhook_secret": "hush-hush", "note": "Bearer abcdefghijkl"})
        html = operator.get(page(task)).text
        assert "upl_1" in html
        assert "hush-hush" not in html
        assert "abcdefghijkl" not in html


def test_a_viewers_form_asks_for_no_reason() -> None:
    request = RequestFactory().get("/")
    request.user = staff_with("processing.view_retrypolicy")
    fields = admin.site._registry[RetryPolicy].get_fields(request, retry_policy())
    assert "reason" not in fields
    assert Task.objects.count() == 0
