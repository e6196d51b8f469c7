"""What AWS says, in each of its ways, and what we take it for."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)

from processing.classify import CLASS_OF, ErrorClass, classify
from processing.engines.base import Failure
from processing.engines.botocore_failures import failure_of
from processing.errors.partners import PARTNERS
from resilience.errors import CATALOGUE
from tests.processing.codes import CASES, LOOK, Case

ADDRESS = "https://mediaconvert.eu-west-1.amazonaws.com/2017-08-29/jobs"
NASTY = "s3://holdfast-uploads-private/uploads/u1/source.mp4 arn:aws:iam::111122223333:role/secret-role AKIAIOSFODNN7EXAMPLE {at} {tries} %s <script>"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{CASES.index(case)}")
def test_what_a_code_of_mediaconvert_is(case: Case) -> None:
    found = classify(Failure("mediaconvert", case.code, case.message))
    assert (found.code, found.error_class, found.ambiguous) == (case.entry, ErrorClass(case.error_class), case.decision == LOOK)
    assert found.runbook


def test_all_48_codes_are_known() -> None:
    codes = {case.code for case in CASES}
    assert len(codes) == 48
    assert {row.code for row in PARTNERS["mediaconvert"].rows} == codes
    assert {case.code for case in CASES if case.decision == LOOK} == {"1010", "1056", "1401", "1404", "3450"}


def test_a_new_code_is_a_group_of_its_own() -> None:
    assert classify(Failure("mediaconvert", "4711", "new")).error_class is ErrorClass.UNCLASSIFIED


def answered(code: str, status: int, *, operation: str = "CreateJob") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)


@pytest.mark.parametrize(
    ("error", "entry", "error_class"),
    [
        (answered("TooManyRequestsException", 429), "ENCODING_ENGINE_THROTTLED", "throttled"),
        (answered("InternalServerErrorException", 500), "ENCODING_ENGINE_AWAY", "transient"),
        (answered("BadRequestException", 400), "ENCODING_SETTINGS_REFUSED", "config"),
        (answered("ForbiddenException", 403), "ENCODING_ACCESS_REFUSED", "iam"),
        (answered("NotFoundException", 404, operation="GetJob"), "ENCODING_ENGINE_FAILED", "transient"),
        (answered("NotFoundException", 404), "ENCODING_SETTINGS_REFUSED", "config"),
        (answered("ConflictException", 409, operation="CancelJob"), "ENCODING_ENGINE_FAILED", "transient"),
        (answered("ServiceQuotaExceededException", 402), "ENCODING_ENGINE_FULL", "capacity"),
        (answered("UnprocessableEntityException", 422, operation="Probe"), "ENCODING_SOURCE_UNREADABLE", "input_unreadable"),
        (answered("ExpiredToken", 400, operation="GetObject"), "ENCODING_ACCESS_REFUSED", "iam"),
        (answered("SlowDown", 503, operation="PutObject"), "ENCODING_ENGINE_THROTTLED", "throttled"),
        (answered("NoSuchKey", 404, operation="GetObject"), "ENCODING_SOURCE_LOST", "dependency"),
        (answered("404", 404, operation="HeadObject"), "ENCODING_SOURCE_LOST", "dependency"),
        (answered("403", 403, operation="HeadObject"), "ENCODING_ACCESS_REFUSED", "iam"),
        (answered("NoSuchBucket", 404, operation="PutObject"), "ENCODING_SETTINGS_REFUSED", "config"),
        (answered("AWS.SimpleQueueService.NonExistentQueue", 400, operation="ReceiveMessage"), "ENCODING_SETTINGS_REFUSED", "config"),
        (answered("NeverHeardOf", 503), "ENCODING_ENGINE_AWAY", "transient"),
        (answered("NeverHeardOf", 418), "ENCODING_UNCLASSIFIED", "unclassified"),
        (NoCredentialsError(), "ENCODING_ACCESS_REFUSED", "iam"),
        (EndpointConnectionError(endpoint_url=ADDRESS), "ENCODING_ENGINE_AWAY", "transient"),
        (ConnectTimeoutError(endpoint_url=ADDRESS), "ENCODING_ENGINE_AWAY", "transient"),
        (ReadTimeoutError(endpoint_url=ADDRESS), "ENCODING_ENGINE_AWAY", "transient"),
        (SSLError(endpoint_url=ADDRESS, error="bad"), "ENCODING_ENGINE_AWAY", "transient"),
        (type("Newer", (HTTPClientError,), {})(error="x"), "ENCODING_ENGINE_AWAY", "transient"),
        (ParamValidationError(report="Role"), "ENCODING_SETTINGS_REFUSED", "config"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, Exception) else None,
)
def test_what_boto3_raises(error: Exception, entry: str, error_class: str) -> None:
    found = classify(failure_of(error))
    assert (found.code, found.error_class) == (entry, ErrorClass(error_class))


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("InvalidDataError", "ENCODING_SOURCE_UNREADABLE"),
        ("DecoderNotFoundError", "ENCODING_FORMAT_UNSUPPORTED"),
        ("IndexError", "ENCODING_NOTHING_TO_PLAY"),
        ("PermissionError", "ENCODING_SOURCE_UNREADABLE"),
        ("MemoryError", "ENCODING_ENGINE_BUSY"),
        ("TimeoutError", "ENCODING_STALLED"),
    ],
)
def test_what_pyav_raises(name: str, entry: str) -> None:
    assert classify(Failure("pyav", name, "words")).code == entry


def test_every_row_stands_for_one_entry_and_every_entry_has_one_class() -> None:
    for partner in PARTNERS.values():
        for row in partner.rows:
            assert row.means in CLASS_OF, row
            assert classify(Failure(partner.source, row.code, row.example)).code == row.means, row


@pytest.mark.parametrize("source", sorted(PARTNERS))
def test_nothing_of_a_partners_own_words_reaches_a_person(source: str) -> None:
    """Whatever a message holds: what is told has its own words, and fields of ours alone."""
    for row in PARTNERS[source].rows:
        found = classify(Failure(source, row.code, f"{row.example} {NASTY}", at_s=None))
        entry = CATALOGUE.get(found.code)
        told = " ".join([entry.title, entry.sentence(found.fields), *(action.label for action in entry.actions)])
        assert not any(word in told for word in ("s3:", "arn:", "AKIA", "holdfast-uploads", "{", "<", "secret", "MediaConvert", "boto")), told
        assert set(found.fields) <= {"at"}
