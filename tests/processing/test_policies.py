from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from processing.classify import ErrorClass
from processing.decide import Policy
from processing.models import RetryPolicy
from processing.services.chain import SHIPPED, policy_for

pytestmark = pytest.mark.django_db


def test_what_is_shipped_and_what_is_seeded_agree() -> None:
    if not RetryPolicy.objects.exists():  # a test that truncates tables ran before
        from importlib import import_module

        from django.apps import apps

        import_module("processing.migrations.0004_seed_retry_policies").seed(apps, None)
        import_module("processing.migrations.0008_policies_for_waiting_and_for_whose_turn_is_first").limit_waiting_by_time(apps, None)
    rows = {row.error_class: (row.tries, row.base_s, row.cap_s, row.salvage) for row in RetryPolicy.objects.all()}
    for row in RetryPolicy.objects.all():
        more = SHIPPED.get(ErrorClass(row.error_class), Policy())
        limits = (row.within_s, row.next_after_s, row.users_first)
        assert limits == (more.within_s, more.next_after_s, more.users_first)
        assert not row.tries or row.jitter == more.jitter
    assert set(rows) == set(ErrorClass)
    for error_class in ErrorClass:
        tries, base_s, cap_s, salvage = rows[error_class]
        shipped = SHIPPED.get(error_class, Policy())
        assert (tries, salvage) == (shipped.tries, shipped.salvage)
        assert not tries or (base_s, cap_s) == (shipped.base_s, shipped.cap_s)


def test_an_operators_row_wins() -> None:
    RetryPolicy.objects.update_or_create(error_class="transient", defaults={"tries": 7, "base_s": 1, "cap_s": 2})
    assert policy_for(ErrorClass.TRANSIENT) == Policy(7, 1, 2)
    RetryPolicy.objects.all().delete()
    assert policy_for(ErrorClass.TRANSIENT) == SHIPPED[ErrorClass.TRANSIENT]


def test_seeding_can_be_taken_back() -> None:
    from importlib import import_module

    from django.apps import apps

    migration = import_module("processing.migrations.0004_seed_retry_policies")
    migration.seed(apps, None)
    migration.unseed(apps, None)
    assert not RetryPolicy.objects.exists()


def test_a_row_that_was_edited_keeps_its_limits_when_waiting_is_limited_by_time() -> None:
    from importlib import import_module

    from django.apps import apps

    migration = import_module("processing.migrations.0008_policies_for_waiting_and_for_whose_turn_is_first")
    RetryPolicy.objects.update_or_create(error_class="throttled", defaults={"tries": 7, "base_s": 1, "cap_s": 2})
    RetryPolicy.objects.update_or_create(error_class="capacity", defaults={**migration.SEEDED, "within_s": 0, "next_after_s": 0})
    migration.limit_waiting_by_time(apps, None)
    assert RetryPolicy.objects.get(error_class="throttled").tries == 7
    assert RetryPolicy.objects.get(error_class="capacity").within_s == 6 * 3600
    migration.limit_waiting_by_tries(apps, None)
    assert (RetryPolicy.objects.get(error_class="capacity").tries, RetryPolicy.objects.get(error_class="throttled").tries) == (100, 7)


def test_the_row_of_a_code_comes_before_that_of_its_class() -> None:
    RetryPolicy.objects.update_or_create(error_class="transient", error_code="", defaults={"tries": 1, "base_s": 1, "cap_s": 2})
    RetryPolicy.objects.create(error_class="transient", error_code="SOURCE_LOST", tries=5, base_s=3, cap_s=4, jitter=0.1, engines=["local"])
    assert policy_for(ErrorClass.TRANSIENT, "SOURCE_LOST") == Policy(5, 3, 4, jitter=0.1, engines=("local",))
    assert policy_for(ErrorClass.TRANSIENT, "ANOTHER") == Policy(1, 1, 2)


@pytest.mark.parametrize(
    "values",
    [{"tries": 1001}, {"base_s": -1}, {"base_s": 5, "cap_s": 4}, {"cap_s": 90_000}, {"jitter": 1.1}, {"within_s": -1}, {"next_after_s": 90_000}],
    ids=lambda values: ",".join(values),
)
def test_nonsense_is_refused_by_the_form_and_by_the_database(values: dict[str, float]) -> None:
    row = RetryPolicy(**{"error_class": "transient", "error_code": "X", "tries": 1, "base_s": 1, "cap_s": 2, **values})
    with pytest.raises(ValidationError):
        row.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
