"""The requirements, in the order in which they are reported."""

from __future__ import annotations

from . import checksum, concatenation, core, creation, deferred, draft_append, draft_creation, draft_lines, ending, lines, patch

MODULES = (core, patch, lines, creation, deferred, ending, checksum, concatenation, draft_creation, draft_append, draft_lines)
