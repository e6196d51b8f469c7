"""Every way to be refused. Importing this names them all."""

from __future__ import annotations

from tests.uploads.refusals import in_direct, in_files, in_limits, in_requests, in_states
from tests.uploads.refusals.cases import CASES

__all__ = ["CASES", "in_direct", "in_files", "in_limits", "in_requests", "in_states"]
