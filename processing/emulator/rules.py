"""What the service refuses at CreateJob beyond its model: settings that need each other, exclude each other, or are outside a codec's ranges."""

from __future__ import annotations

from typing import Any


def check_job(request: dict[str, Any]) -> None:
    """Check CreateJob's input (the model's names).

    Raises:
        BadRequest: one line for each fault.
    """
