"""Which tests of whole systems stay in one process: those of a module, and all that use the one shared system of tests/stack."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent
_USES_THE_SHARED_ONE = re.compile(r"^def test_\w+\([^)]*\bsystem: System\b", re.MULTILINE)


class BySystem(LoadScopeScheduling):
    """Deals out modules, those with most tests first; the process that gets the shared system keeps it to itself."""

    def _split_scope(self, nodeid: str) -> str:
        return shared_by(nodeid.partition("::")[0])


@cache
def shared_by(module: str) -> str:
    return "the shared system" if _USES_THE_SHARED_ONE.search((ROOT / module).read_text()) else module
