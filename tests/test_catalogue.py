"""The catalogue as a whole: codes are for ever, every entry can be acted on, and speaks like a person."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from resilience.errors import CATALOGUE, ActionKind, AppError, Entry

ROOT = Path(__file__).parent.parent
LOCK = Path(__file__).with_name("catalogue.lock")
JARGON = re.compile(r"\b(exception|null|none type|errno|traceback|stack|stderr|stdout|exit code|segfault|nginx|sql)\b", re.IGNORECASE)
ENTRIES = [pytest.param(entry, id=entry.code) for entry in CATALOGUE]


def test_no_code_is_ever_removed_or_renamed() -> None:
    locked = set(LOCK.read_text().split())
    now = {entry.code for entry in CATALOGUE}
    assert locked - now == set(), "these codes were removed or renamed"
    assert now - locked == set(), f"add these new codes to {LOCK.name}"


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_speaks_plainly_and_says_what_to_do(entry: Entry) -> None:
    words = " ".join([entry.title, entry.what_happened, *(action.label for action in entry.actions)])
    assert entry.actions
    assert len(entry.title) <= 60
    assert not JARGON.search(words), words
    assert "oops" not in words.lower()
    assert entry.what_happened.endswith((".", "?", "}"))
    assert 400 <= entry.status < 600
    assert sum(action.kind is ActionKind.BUTTON for action in entry.actions) <= 2


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_field_used_is_declared(entry: Entry) -> None:
    used = set(re.findall(r"\{(\w+)", entry.what_happened))
    assert used <= set(entry.fields)


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.code) for entry in CATALOGUE if entry.examples])
def test_every_example_is_matched_by_exactly_one_entry(entry: Entry) -> None:
    for example in (example for example in entry.examples if "source" in example):  # the others are examples of fields
        found = [
            other.code
            for other in CATALOGUE
            if any(match.accepts(source=example["source"], code=example.get("code", ""), message=example["message"]) for match in other.matches)
        ]
        assert found == [entry.code], example


def test_every_error_class_has_an_entry_of_its_own() -> None:
    def all_subclasses(parent: type[AppError]) -> list[type[AppError]]:
        return [found for child in parent.__subclasses__() for found in (child, *all_subclasses(child))]

    without = [child.__name__ for child in all_subclasses(AppError) if not hasattr(child, "entry") and child.__module__.split(".")[0] != "tests"]
    assert not without


def test_every_guide_an_entry_names_exists() -> None:
    guides = {path.stem for path in (ROOT / "support" / "guides").glob("*.md")}
    assert {entry.guide for entry in CATALOGUE if entry.guide} <= guides


def test_nothing_swallows_an_error_silently() -> None:
    silent = []
    for path in ROOT.glob("[a-z]*/**/*.py"):
        if path.relative_to(ROOT).parts[0] in ("var", "node_modules", "tests"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            catches_all = isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            if catches_all and all(isinstance(statement, ast.Pass) for statement in node.body):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not silent
