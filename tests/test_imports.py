"""The import rule: arrows only go down, and no room reaches into another's faces."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ["resilience", "uploads", "processing", "notifications", "support", "dashboard", "config"]  # lowest first
PRIVATE = {"api", "admin", "views", "tasks"}


def imported_modules(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def violations(room: str, source: str) -> list[str]:
    wrong = []
    for module in sorted(imported_modules(source)):
        target, _, rest = module.partition(".")
        if target not in ROOMS or target == room:
            continue
        if ROOMS.index(target) > ROOMS.index(room):
            wrong.append(f"{module} is above {room}")
        elif rest.split(".")[0] in PRIVATE and target != "resilience" and room != "config":
            wrong.append(f"{module} is private to {target}")
    return wrong


@pytest.mark.parametrize("room", ROOMS)
def test_imports_only_go_down(room: str) -> None:
    wrong = [f"{path.relative_to(ROOT)}: {fault}" for path in (ROOT / room).rglob("*.py") for fault in violations(room, path.read_text())]
    assert not wrong


def test_an_arrow_that_goes_up_is_found() -> None:
    assert violations("uploads", "from processing.models import Job") == ["processing.models is above uploads", "processing.models.Job is above uploads"]
    assert violations("dashboard", "import uploads.api") == ["uploads.api is private to uploads"]
    assert violations("dashboard", "from uploads import selectors") == []


def test_modules_stay_small() -> None:
    large = {str(path.relative_to(ROOT)): lines for room in ROOMS for path in (ROOT / room).rglob("*.py") if (lines := path.read_text().count("\n")) > 300}
    assert not large
