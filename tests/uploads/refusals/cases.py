"""For every code an upload can be refused with: a way to get it. A case sets up, yields, then causes it and returns what was told."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum

from tests.uploads.refusals.world import Told, World

Steps = Generator[None, None, Told]
Run = Callable[[World], Steps]


class Leaves(Enum):
    """What a refusal leaves behind."""

    ALL_AS_IT_WAS = "rows and bytes are those of before"
    THE_PREFIX = "the upload goes on from what is committed, and all of that is stored"
    AN_END = "an ended upload without a byte"


@dataclass(frozen=True)
class Case:
    code: str
    name: str
    run: Run
    leaves: Leaves
    stores: tuple[str, ...]


CASES: list[Case] = []
AS_IT_WAS, PREFIX, END = Leaves.ALL_AS_IT_WAS, Leaves.THE_PREFIX, Leaves.AN_END


def case(code: str, leaves: Leaves = AS_IT_WAS, *, on: tuple[str, ...] = ("disk", "s3")) -> Callable[[Run], Run]:
    def keep(run: Run) -> Run:
        CASES.append(Case(code, run.__name__, run, leaves, on))
        return run

    return keep
