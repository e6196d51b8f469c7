"""Which events a rule's pattern lets through, as far as we judge patterns at all."""

from __future__ import annotations

from typing import Any

import pytest

from processing.account.patterns import Unknown, matches

EVENT = {"source": "aws.mediaconvert", "detail": {"status": "COMPLETE", "userMetadata": {"env": "production"}}}


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({}, True),
        ({"source": ["aws.mediaconvert"]}, True),
        ({"source": ["aws.s3", "aws.mediaconvert"]}, True),
        ({"source": ["aws.s3"]}, False),
        ({"region": ["eu-west-1"]}, False),
        ({"detail": {"status": ["ERROR"]}}, False),
        ({"detail": {"userMetadata": {"env": ["production"]}}}, True),
        ({"detail": {"userMetadata": {"env": ["staging"]}}}, False),
        ({"detail": {"userMetadata": {"env": [{"prefix": "prod"}]}}}, True),
        ({"detail": {"status": [{"anything-but": ["STATUS_UPDATE"]}]}}, True),
        ({"detail": {"status": [{"anything-but": "COMPLETE"}]}}, False),
        ({"detail": {"errorCode": [{"exists": False}]}}, True),
        ({"detail": {"jobId": [{"exists": True}]}}, False),
        ({"detail": {"status": {"deeper": ["x"]}}}, False),
    ],
)
def test_an_event_fits_a_pattern(pattern: dict[str, Any], fits: bool) -> None:
    assert matches(pattern, EVENT) is fits


@pytest.mark.parametrize("choice", [{"wildcard": "aws.*"}, {"numeric": [">", 1]}, {"anything-but": {"prefix": "aws"}}])
def test_a_comparison_we_do_not_know_is_named(choice: dict[str, Any]) -> None:
    with pytest.raises(Unknown, match=next(iter(choice))):
        matches({"source": [choice]}, EVENT)
