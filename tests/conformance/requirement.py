"""What a check is: one small function with an id, a level and the section of the specification that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from .wire import Answer

Level = Literal["MUST", "SHOULD", "MAY"]
TUS, DRAFT = "tus 1.0.0", "draft-ietf-httpbis-resumable-upload (interop 8)"
OTHER_SOURCES = ("RFC ", "robustness:", "convention:")


class Failed(Exception):
    """The server does not do what is asked."""


class Skipped(Exception):
    """It cannot be asked of this server; the reason says why."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One check. `needs` names the tus extensions that must be announced; `variant` is handed to the function."""

    id: str
    level: Level
    source: str
    title: str
    needs: tuple[str, ...]
    function: Callable[..., None]
    variant: str | None = None

    @property
    def protocol(self) -> str:
        return self.id.partition(".")[0]

    def run(self, speaker: Any) -> None:
        """Ask the server. Raises: Failed, Skipped."""
        if self.variant is None:
            self.function(speaker)
        else:
            self.function(speaker, self.variant)


REQUIREMENTS: list[Requirement] = []


def requirement(
    id: str, level: Level, section: str, *, needs: str = "", each: dict[str, str] | Collection[str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a check; its docstring's first line is the requirement in words.

    Args:
        id: `tus.…` or `ietf.…`.
        section: where the specification (or one of `OTHER_SOURCES`) says so.
        needs: tus extensions, separated by spaces.
        each: run once per variant; the keys are part of the id, the values are handed over.
    """
    protocol = TUS if id.startswith("tus.") else DRAFT
    source = section if section.startswith(OTHER_SOURCES) else f"{protocol}, {section}"
    variants = {} if each is None else each if isinstance(each, dict) else {value: value for value in each}

    def register(function: Callable[..., None]) -> Callable[..., None]:
        title = (function.__doc__ or "").strip().splitlines()[0]
        common = {"level": level, "source": source, "title": title, "needs": tuple(needs.split()), "function": function}
        if variants:
            REQUIREMENTS.extend(Requirement(id=f"{id}.{name}", variant=value, **common) for name, value in variants.items())
        else:
            REQUIREMENTS.append(Requirement(id=id, **common))
        return function

    return register


def expect(true: object, said: str) -> None:
    """Raises: Failed, with what the server did instead."""
    if not true:
        raise Failed(said)


def expect_status(answer: Answer, *allowed: int) -> None:
    """Raises: Failed."""
    if answer.status not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise Failed(f"answered {answer}, not {wanted}{_why(answer)}")


def expect_refused(answer: Answer, *, but: Collection[int] = ()) -> None:
    """Any 4xx will do, except those in `but`. Raises: Failed."""
    expect(400 <= answer.status < 500 and answer.status not in but, f"answered {answer}, not a refusal (4xx){_why(answer)}")


def expect_header(answer: Answer, name: str, value: str) -> None:
    """Raises: Failed."""
    found = answer.get(name)
    expect(found == value, f"{name} is {'missing' if found is None else repr(found)} in the {answer.status}, not {value!r}")


def _why(answer: Answer) -> str:
    text = " ".join(answer.body[:120].decode("utf-8", "replace").split())
    return f": {text}" if text and answer.status >= 400 else ""
