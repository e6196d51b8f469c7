"""Put events on the queue they go to."""

from __future__ import annotations

from ..state import Services
from . import storage


def send(region: str, bodies: list[str], services: Services) -> None:
    """Put one to ten messages on a region's events queue, as one call.

    Raises:
        OSError: some were not taken. What boto3 raises: none was.
    """
    sqs = storage.client("sqs", services.options, region=region)
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    answer = sqs.send_message_batch(QueueUrl=services.options.queue_url.replace("{region}", region), Entries=entries)
    if failed := answer.get("Failed"):
        raise OSError(f"{len(failed)} of {len(bodies)} messages were not taken: {failed[0].get('Code')} {failed[0].get('Message')}")
