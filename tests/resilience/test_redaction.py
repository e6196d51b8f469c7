"""Secrets are kept out of what operators see, by the name they stand under and by how they look."""

from __future__ import annotations

import pytest

from resilience.redaction import HIDDEN, payload_without_secrets, without_secrets
from resilience.tasks.failure import describe

SECRET = "s3cr3t-value-nobody-may-see"


@pytest.mark.parametrize(
    "name", ["password", "webhook_secret", "api_key", "apiKey", "X-Auth-Token", "Authorization", "cookie", "access_key_id", "tokens", "AWS_SESSION_TOKEN"]
)
def test_what_stands_under_the_name_of_a_secret_is_hidden_however_deep(name):
    shown = payload_without_secrets({"outer": [{name: SECRET, "session_id": "upl_0123456789abcdefghjk"}]})
    assert shown == {"outer": [{name: HIDDEN, "session_id": "upl_0123456789abcdefghjk"}]}


@pytest.mark.parametrize("name", ["job_id", "session_id", "attempt_id", "keyframe", "monkey", "tokenizer_name"])
def test_other_names_stay(name):
    assert payload_without_secrets({name: "value", "n": 3, "none": None, "flag": True}) == {name: "value", "n": 3, "none": None, "flag": True}


@pytest.mark.parametrize(
    "text",
    [
        f"upt_{SECRET}",
        f"whsec_{SECRET}",
        f"Bearer {SECRET}",
        "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl",
        "AKIAABCDEFGHIJKLMNOP",
        f"https://host/x?X-Amz-Signature={SECRET}&other=1",
        f"https://person:{SECRET}@host/path",
        f"postgresql://u:{SECRET}@db/x",
        f"password: '{SECRET}'",
    ],
)
def test_secrets_are_known_by_how_they_look(text):
    shown = str(payload_without_secrets({"note": [f"before {text} after"]}))
    for secret in (SECRET, "eyJzdWIiOi", "AKIAABCDEFGHIJKLMNOP"):
        assert secret not in shown
    assert "before" in shown


def test_what_operators_need_stays():
    text = "OSError: [Errno 28] No space left on device: '/srv/uploads/ab/cd' (vid_0123456789abcdefghjk, 42 of 43)"
    assert without_secrets(text) == text


def test_an_error_is_written_down_without_the_secrets_in_it():
    def call() -> None:
        raise ValueError(f"the answer to Authorization: Bearer {SECRET} was no")

    try:
        call()
    except ValueError as error:
        failure = describe(error)
    assert SECRET not in failure.message + failure.traceback
    assert "the answer to" in failure.message
