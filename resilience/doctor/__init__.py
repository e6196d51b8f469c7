"""Checks of everything the house stands on, each with its mend in words. `manage.py doctor` runs them all.

A room adds its own beside its `errors.py` and `tasks.py`, in a module its AppConfig imports:

    from resilience import doctor

    @doctor.check("Transcoder", needs_database=False)
    def transcoder() -> doctor.Finding: ...
"""

# database, machine and work register their checks
from . import database as database
from . import machine as machine
from . import work as work
from .registry import Checkup, Finding, Look, State, check, examination, examine, failed, ok, run_all, warning

__all__ = ["Checkup", "Finding", "Look", "State", "check", "examination", "examine", "failed", "ok", "run_all", "warning"]
