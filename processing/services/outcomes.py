"""How jobs end that an engine elsewhere took on, in a circuit beside that of its calls: a region that takes every job and fails it rests too."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from django.db import transaction

from processing.classify import OF_THE_INPUT, ErrorClass
from processing.engines.registry import is_remote
from processing.models import Attempt
from resilience.circuits import CircuitOpen, circuit

# They speak of the file, of our own storage, or of a wish of ours that the next try leaves out.
_SAYS_NOTHING = OF_THE_INPUT | {ErrorClass.DEPENDENCY, ErrorClass.ACCELERATION, ErrorClass.POISON}
WINDOW_SECONDS = 300.0  # jobs end less often than calls do
REST_SECONDS = 60.0


class EndedBadly(Exception):
    """A job that an engine took on and that failed for a reason of the engine's."""


def circuits_of(engine: str) -> tuple[str, ...]:
    """Return the names of an engine's circuits: of its calls, and of the jobs of one elsewhere, as `jobs.mediaconvert:eu-west-1`."""
    return (f"engine.{engine}", f"jobs.{engine}") if is_remote(engine) else (f"engine.{engine}",)


def count(attempt: Attempt, failed: ErrorClass | None = None) -> None:
    """Count the end of an attempt once it is committed. Nothing else depends on it: what goes wrong here is logged and left.

    Once the circuit has rested, jobs go to the engine again, and the first that ends is the trial.

    Args:
        failed: its class, settled; None for success.
    """
    if is_remote(attempt.engine) and attempt.external_id and failed not in _SAYS_NOTHING:
        transaction.on_commit(partial(_count, attempt.engine, failed), robust=True)


def _count(engine: str, failed: ErrorClass | None) -> None:
    def end() -> None:
        if failed:
            raise EndedBadly(failed)

    with suppress(CircuitOpen, EndedBadly):
        circuit(f"jobs.{engine}", fail_max=5, window_seconds=WINDOW_SECONDS, reset_timeout=REST_SECONDS).call(end)
