"""How an account is asked: without circuits (an open one must not hide what is wrong), and with every answer that is no answer in words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from django.conf import settings

from processing.engines.mediaconvert import client as converter
from resilience.doctor import Finding, failed, warning

P = ParamSpec("P")

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "ForbiddenException", "AuthorizationError", "403"})
MAY_LOOK = "Attach the policy holdfast-doctor of deploy/aws/holdfast.yaml to whoever runs this; without it this line cannot be judged."
UNANSWERED = (ClientError, BotoCoreError, ResponseParserError)
REACH = "See that this machine reaches AWS, and that the name in the setting is right."


def client(service: str, region: str, *, endpoint_url: str = "") -> Any:
    """Return a client of an AWS service; S3 where uploads are kept."""
    if service == "mediaconvert":
        return converter.client(region)
    return converter.made(service, region=region, endpoint_url=settings.S3_ENDPOINT_URL if service == "s3" else endpoint_url)


def code_of(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else type(error).__name__


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_denied(error: Exception) -> bool:
    return isinstance(error, ClientError) and (code_of(error) in DENIED or status_of(error) == 403)


def words_of(error: Exception) -> str:
    return f"{code_of(error)}: {' '.join(str(error).split())[:200]}"


def looked(mend: str = REACH) -> Callable[[Callable[P, Finding]], Callable[P, Finding]]:
    """Make findings of what AWS refuses in a look: not allowed is a warning (it says nothing of the thing itself), the rest a failure.

    Args:
        mend: what to do when AWS says that it is not there, or says nothing.
    """

    def around(look: Callable[P, Finding]) -> Callable[P, Finding]:
        @functools.wraps(look)
        def run(*args: P.args, **kwargs: P.kwargs) -> Finding:
            try:
                return look(*args, **kwargs)
            except UNANSWERED as error:
                if is_denied(error):
                    return warning(f"We may not look: {words_of(error)}", MAY_LOOK)
                if isinstance(error, ResponseParserError) or (isinstance(error, ClientError) and status_of(error) >= 500):
                    return warning(f"It cannot say now: {words_of(error)}", "Run this again. What only stands in for AWS may never know it.")
                return failed(f"AWS says {words_of(error)}", mend)

        return run

    return around
