"""One life: a process of its own, forked without threads. It walks until it dies at its point, or it recovers and looks at everything."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

from django.conf import settings

from resilience import faults
from tests.chaos import invariants

from .ends import BROKEN, LIVED, RAISED
from .walks import ELSEWHERE, IN_S3, ON_DISK
from .world import World, enter


def live(order: dict[str, Any]) -> int:
    """Live as ordered: `plan` says where to die ("" nowhere); None is the last life, which recovers and judges."""
    world = enter(order)
    walk = (ELSEWHERE if settings.MEDIACONVERT_REGIONS else IN_S3 if settings.UPLOAD_STORE == "s3" else ON_DISK)[order["walk"]]
    try:
        if order["plan"] is None:
            return _recover(world, walk)
        with faults.armed(order["plan"], record=str(world.folder / "passed")):
            walk(world)
    except Exception:
        (world.folder / "report").write_text(json.dumps([traceback.format_exc()]))
        return RAISED
    return LIVED


def _recover(world: World, walk: Callable[[World], None]) -> int:
    """Nobody helps: time passes, people go on, workers sweep. Then every promise is compared with what is there, now and when all is old."""
    broken = invariants.broken_just_after(world.ledger, world.person)
    world.time_passes(minutes=2)
    walk(world)
    broken += invariants.broken_at_rest(world.ledger, world.person)
    for days in (0, 40):
        if days and settings.UPLOAD_STORE == "s3":
            world.age_bucket()
        world.time_passes(days=days)
        world.work()
        world.keep_house_often()
    broken += invariants.broken_when_old(world.ledger, world.person)
    (world.folder / "report").write_text(json.dumps(broken))
    return BROKEN if broken else LIVED
