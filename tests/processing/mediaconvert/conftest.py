from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.s3 import KEYS


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """An account of nobody's, and no waiting between the tries of a call."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings.MEDIACONVERT_ROLE_ARN = "arn:aws:iam::111122223333:role/holdfast-mediaconvert"
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None, time=time.time))
