"""Durable task bodies of captions. The service they need is guarded by the circuit `captions`, whose budget of retries they share."""

from __future__ import annotations

from processing.captions import services
from processing.captions.base import CIRCUIT
from processing.captions.base import engine as engine_of
from resilience.reapers import MINUTE, reaper
from resilience.tasks import TaskContext, durable


@durable("processing.caption", timeout=3600, tries=10, base=30.0, cap=3600.0, priority=80, needs=(CIRCUIT,), on_dead=services.is_dead)
def write_caption(context: TaskContext, *, caption: str, tries: int) -> None:
    services.write(context, caption, tries)


@durable("processing.forget_caption", timeout=120, tries=10, base=30.0, cap=3600.0, priority=90, needs=(CIRCUIT,))
def forget_caption(context: TaskContext, *, engine: str, name: str) -> None:
    engine_of(engine).forget(name)


reaper("processing.captions", every=5 * MINUTE, about="Gives captions nobody writes a new task.")(services.resume_captions)
