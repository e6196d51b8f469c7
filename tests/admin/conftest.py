from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import make_user


@pytest.fixture
def operator(db: None) -> Client:
    """A signed-in superuser's browser."""
    client = Client(headers={"accept": "text/html"})
    client.force_login(make_user(superuser=True))
    return client
