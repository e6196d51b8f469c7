"""The list of metrics in docs/watching.md, made from where they are declared: `python -m tests.watching.catalogue` renews it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("resilience", "uploads", "processing", "notifications", "support", "dashboard", "config")
PAGE = ROOT / "docs" / "watching.md"
BEGIN, END = "<!-- metrics -->\n", "<!-- end of metrics -->\n"
KINDS = {"counter": "counter", "gauge": "gauge", "histogram": "histogram", "table_gauge": "gauge, from the tables"}


@dataclass(frozen=True, order=True)
class Declared:
    name: str
    kind: str
    help: str
    labels: tuple[str, ...]


@functools.cache
def declarations() -> list[Declared]:
    """Return every metric any module declares, also one that is not imported here."""
    return sorted({found for room in ROOMS for path in (ROOT / room).rglob("*.py") for found in _in(path)})


def _in(path: Path) -> Iterator[Declared]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and node.args and isinstance(node.args[0], ast.Constant):
            name, text = (str(ast.literal_eval(argument)) for argument in node.args[:2])
            labels = ast.literal_eval(node.args[2]) if len(node.args) > 2 else []
            labels = next((ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg == "labels"), labels)
            yield Declared(name, KINDS[node.func.id], text, tuple(labels))


def table() -> str:
    rows = [f"| `{each.name}` | {each.kind} | {', '.join(each.labels) or '–'} | {each.help} |" for each in declarations()]
    return "\n".join(["| name | kind | labels | what |", "| --- | --- | --- | --- |", *rows]) + "\n"


def written() -> str:
    return PAGE.read_text().split(BEGIN)[1].split(END)[0]


if __name__ == "__main__":
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.split(END)[1])
