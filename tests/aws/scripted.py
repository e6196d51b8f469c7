"""Answers of AWS that moto does not know, or would not give: given to one client, and read by botocore as any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse

from processing.account.asking import client


@contextmanager
def answered(service: str, operation: str, body: str | dict[str, Any], *, status: int = 200, region: str = "eu-west-1") -> Iterator[None]:
    """Answer one operation (PascalCase) of the doctor's client in this block. `body` is XML, or the object of a JSON protocol."""
    asked = client(service, region)
    content = (body if isinstance(body, str) else json.dumps(body)).encode()

    def answer(model: Any, request_signer: Any, **_event: Any) -> Any:
        found = {"status_code": status, "headers": {}, "body": content}
        return AWSResponse("", status, {}, None), asked._response_parser.parse(found, model.output_shape)

    events, name = asked.meta.events, f"before-call.{asked.meta.service_model.service_id.hyphenize()}.{operation}"
    events.register_first(name, answer, unique_id=f"scripted-{name}")
    try:
        yield
    finally:
        events.unregister(name, unique_id=f"scripted-{name}")


def refused(service: str, operation: str, *, code: str = "AccessDenied", status: int = 403, region: str = "eu-west-1") -> Any:
    """Refuse one operation, in the words of the service's protocol."""
    if service == "s3":
        body: str | dict[str, Any] = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    elif service in ("iam", "sts"):
        body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    else:
        body = {"__type": code, "message": "no"}
    return answered(service, operation, body, status=status, region=region)
