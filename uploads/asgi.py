"""The raw ASGI application at /files/: upload bodies are read as they arrive, which Django's own handler cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from django.conf import settings

from uploads.append.body import Receive
from uploads.endpoint.app import Send, serve

_serving: set[asyncio.Task[None]] = set()

if settings.UPLOAD_STORE == "s3":
    from uploads.store.s3.client import warm_up  # boto3 takes its time: once, before the workers are forked, and only where it is used

    warm_up()


async def upload_application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Serve one request to its end, even when the server cancels it: after a hang-up there is still a prefix to commit."""
    task = asyncio.create_task(serve(scope, receive, send))
    _serving.add(task)
    task.add_done_callback(_serving.discard)
    await asyncio.shield(task)
