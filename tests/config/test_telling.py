"""Logs and Sentry: a request id on every line, and nothing private in either."""

from __future__ import annotations

import json
import logging

import structlog
from sentry_sdk.transport import Transport

from config.logs import logging_settings, redact
from config.sentry import before_send, scrub, start_sentry

TOKEN = "upt_" + "A" * 43


def test_tokens_are_cut_out_of_texts() -> None:
    assert TOKEN not in redact(f"PATCH /files/{TOKEN}")
    assert "s3cr3tvalue" not in redact("Authorization: Token s3cr3tvalue")
    assert redact("nothing private") == "nothing private"


def test_a_log_line_is_json_with_the_request_id_and_no_token(capsys) -> None:
    settings = logging_settings(level="INFO", debug=False)
    handler = logging.StreamHandler()
    formatter = settings["formatters"]["lines"]
    handler.setFormatter(formatter["()"](foreign_pre_chain=formatter["foreign_pre_chain"], processors=formatter["processors"]))
    logger = logging.getLogger("sample.telling")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        with structlog.contextvars.bound_contextvars(request_id="request-7"):
            structlog.get_logger("sample.telling").info("upload.patch", path=f"/files/{TOKEN}")
    finally:
        logger.removeHandler(handler)
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert line["request_id"] == "request-7"
    assert line["event"] == "upload.patch"
    assert TOKEN not in json.dumps(line)


def test_scrubbing_removes_what_is_private_and_keeps_the_rest() -> None:
    found = scrub(
        {
            "headers": {"Authorization": "Token abc", "Accept": "text/html"},
            "url": "https://bucket.example/key?X-Amz-Signature=1",
            "rows": [{"email": "me@example.org"}],
        }
    )
    assert found == {"headers": {"Authorization": "[removed]", "Accept": "text/html"}, "url": "https://bucket.example/key", "rows": [{"email": "[removed]"}]}


def test_an_event_leaves_without_user_body_or_cookies() -> None:
    with structlog.contextvars.bound_contextvars(request_id="request-8"):
        event = before_send({"user": {"id": 1}, "request": {"data": "x", "cookies": {"a": "b"}, "url": "https://h/"}}, {})
    assert "user" not in event
    assert event["request"] == {"url": "https://h/"}
    assert event["tags"]["request_id"] == "request-8"


def test_sentry_gets_scrubbed_events_when_a_dsn_is_set() -> None:
    import sentry_sdk

    sent: list[dict] = []

    class Keep(Transport):
        def capture_envelope(self, envelope) -> None:
            sent.extend(item.payload.json for item in envelope.items if item.type == "event")

    start_sentry("https://key@sentry.invalid/1", release="0", environment="test", transport=Keep())
    try:
        sentry_sdk.capture_message(f"failed at /files/{TOKEN}")
        sentry_sdk.flush()
    finally:
        sentry_sdk.init()
    assert len(sent) == 1
    assert TOKEN not in json.dumps(sent)
    assert sent[0]["release"] == "0"
