"""A file whose bytes go straight to S3, by the addresses the API signs."""

from __future__ import annotations

import requests
from django.conf import settings
from rest_framework.test import APIClient

from uploads.models import SessionState

from .files import data, size
from .world import World

API = "/api/v1/s3/multipart"


def direct(world: World) -> None:
    settings.UPLOAD_ACCEPT = "*"
    path = data(world, "direct")
    api = APIClient(headers={"Authorization": f"Token {world.token}"}, SERVER_NAME="localhost")
    if not world.ledger.last("address", name="direct"):
        begun = api.post(API, {"filename": "direct.bin", "type": "video/mp4", "metadata": {"size": size()}}, format="json")
        assert begun.status_code == 200, begun.content
        world.ledger.note("address", name="direct", path=str(path), fate="whole", upload=begun.json()["uploadId"])
    session = world.session("direct")
    assert session is not None
    if session.state == SessionState.RECEIVING:
        signed = api.get(f"{API}/{session.public_id}/1?key=any")
        assert signed.status_code == 200, signed.content
        requests.put(signed.json()["url"], data=path.read_bytes(), timeout=30).raise_for_status()
        done = api.post(f"{API}/{session.public_id}/complete?key=any", {"parts": [{"PartNumber": 1, "ETag": "any"}]}, format="json")
        assert done.status_code == 200, done.content
        world.ledger.note("told", name="direct", offset=size())
    world.work()
