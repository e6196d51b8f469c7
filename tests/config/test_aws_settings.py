"""Settings of MediaConvert: a wrong one stops the start with its name, the reason and an example."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from config import aws_settings, env

ROLE = "arn:aws:iam::111122223333:role/holdfast-mediaconvert"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/events"
WHOLE = {"ENGINES": "mediaconvert:eu-west-1,local", "MEDIACONVERT_ROLE_ARN": ROLE, "UPLOAD_STORE": "s3", "RENDITION_STORE": "s3", "RENDITION_BUCKET": "out"}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    kept = dict(vars(aws_settings))
    yield
    vars(aws_settings).update(kept)


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    importlib.reload(aws_settings)


def test_the_chain_says_which_regions_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    read(monkeypatch, **WHOLE | {"ENGINES": "mediaconvert:eu-west-1, mediaconvert:us-gov-west-1,local"})
    assert aws_settings.MEDIACONVERT_REGIONS == ["eu-west-1", "us-gov-west-1"]


def test_queues_and_replicas_are_told_by_region(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:mediaconvert:eu-west-1:111122223333:queues/Default"
    read(monkeypatch, MEDIACONVERT_QUEUES=f"eu-west-1={arn}", MEDIACONVERT_SOURCE_BUCKETS="eu-central-1=replica , eu-west-1=first")
    queues, replicas = aws_settings.MEDIACONVERT_QUEUES, aws_settings.MEDIACONVERT_SOURCE_BUCKETS
    assert queues == {"eu-west-1": arn}
    assert replicas == {"eu-central-1": "replica", "eu-west-1": "first"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"ENGINES": "mediaconvert"}, "ENGINES"),
        ({"ENGINES": "mediaconvert:Ireland"}, "ENGINES"),
        ({"MEDIACONVERT_ROLE_ARN": "admin"}, "MEDIACONVERT_ROLE_ARN"),
        ({"MEDIACONVERT_ROLE_ARN": ""}, "MEDIACONVERT_ROLE_ARN"),
        ({"UPLOAD_STORE": "disk"}, "UPLOAD_STORE"),
        ({"RENDITION_STORE": "disk"}, "RENDITION_STORE"),
        ({"RENDITION_BUCKET": ""}, "RENDITION_BUCKET"),
        ({"RENDITION_PREFIX": "out"}, "RENDITION_PREFIX"),
        ({"MEDIACONVERT_QUEUES": "Default"}, "MEDIACONVERT_QUEUES"),
        ({"MEDIACONVERT_QUEUES": "eu-west-1=Default"}, "MEDIACONVERT_QUEUES"),
        ({"MEDIACONVERT_SOURCE_BUCKETS": "here=bucket"}, "MEDIACONVERT_SOURCE_BUCKETS"),
        ({"MEDIACONVERT_SOURCE_BUCKETS": "eu-west-1=A Bucket"}, "MEDIACONVERT_SOURCE_BUCKETS"),
        ({"MEDIACONVERT_STATUS_SECONDS": "11"}, "MEDIACONVERT_STATUS_SECONDS"),
        ({"MEDIACONVERT_EVENTS_QUEUE_URL": "events"}, "MEDIACONVERT_EVENTS_QUEUE_URL"),
        ({"MEDIACONVERT_EVENTS_QUEUE_URL": QUEUE, "MEDIACONVERT_EVENTS_DLQ_URL": f"{QUEUE},{QUEUE}"}, "MEDIACONVERT_EVENTS_DLQ_URL"),
    ],
)
def test_a_wrong_one_is_named_with_reason_and_example(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], name: str) -> None:
    with pytest.raises(env.SettingError, match=f"Example: {name}=") as refused:
        read(monkeypatch, **WHOLE | changes)
    assert refused.value.name == name
