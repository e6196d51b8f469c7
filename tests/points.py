"""Which fault points the code has, as read from its source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("resilience", "uploads", "processing", "notifications", "support", "dashboard", "config")
LIST = ROOT / "docs" / "faults.md"
NAME = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+){2}")


def in_code() -> list[tuple[str, str]]:
    """Return name and place of every call of `point`, in the order of the files; "" for a name that is no literal."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            text = path.read_text()
            if "point(" not in text:
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "point":
                    literal = node.args[0] if len(node.args) == 1 else None
                    name = literal.value if isinstance(literal, ast.Constant) and isinstance(literal.value, str) else ""
                    found.append((name, f"{path.relative_to(ROOT)}:{node.lineno}"))
    return found


def in_docs() -> list[str]:
    """Return the names in the tables of docs/faults.md, in their order."""
    return re.findall(r"^\| `([^`]+)` \|", LIST.read_text(), re.MULTILINE)
