from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from tests.factories import make_user


@pytest.fixture(autouse=True)
def _no_counts_from_other_tests():
    cache.clear()


@pytest.fixture
def anna(db) -> User:
    return make_user(email="anna@example.org")


@pytest.fixture
def client(anna: User) -> Client:
    """A browser in which Anna is signed in."""
    browser = Client(headers={"accept": "text/html"})
    browser.force_login(anna)
    return browser


@pytest.fixture
def stranger(db) -> Client:
    """A browser in which somebody else is signed in."""
    browser = Client(headers={"accept": "text/html"})
    browser.force_login(make_user(email="stranger@example.org"))
    return browser


@pytest.fixture
def anonymous() -> Client:
    return Client(headers={"accept": "text/html"})
