"""Which broker carries wake-ups is one address; a wrong one stops the start."""

from __future__ import annotations

import pytest

from config import env, task_settings
from config.task_settings import _broker


def test_without_an_address_it_is_the_database() -> None:
    assert _broker("") == {"broker_class": "resilience.tasks.brokers.database.DatabaseBroker"}


def test_an_address_names_valkey_or_sqs() -> None:
    assert _broker("rediss://:secret@cache.example:6380/2")["redis"] == "rediss://:secret@cache.example:6380/2"
    assert _broker("sqs://eu-central-1")["sqs"] == {"region_name": "eu-central-1"}
    assert _broker("sqs://us-east-1?endpoint_url=http://127.0.0.1:5000")["sqs"]["endpoint_url"] == "http://127.0.0.1:5000"


@pytest.mark.parametrize("address", ["sqs://", "sqs://eu-central-1/queue", "sqs://eu-central-1?profile=mine", "redis:///0"])
def test_one_that_says_too_little_or_too_much_is_refused(address: str) -> None:
    with pytest.raises(env.SettingError, match="Example: TASK_BROKER_URL="):
        _broker(address)


def test_redis_without_its_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_settings, "find_spec", lambda _name: None)
    with pytest.raises(env.SettingError, match=r"requirements/production\.txt") as refused:
        _broker("redis://:hunter2@cache.example/0")
    assert "hunter2" not in str(refused.value)


def test_a_prefix_must_fit_a_queues_name() -> None:
    assert task_settings._prefix("staging_2-") == "staging_2-"
    with pytest.raises(env.SettingError, match="TASK_BROKER_PREFIX"):
        task_settings._prefix("my app/")
