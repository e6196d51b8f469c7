"""Durable tasks: rows that must be done, run at least once, finished exactly once."""

from resilience.circuits import errors as circuit_errors  # noqa: F401 - registers its entry

# canary, errors, groups and recoveries register what they declare
from . import canary as canary
from . import errors as errors
from . import groups as groups
from . import recoveries as recoveries
from . import watching as watching
from .enqueue import enqueue
from .registry import Kind, TaskContext, durable, kind_of

__all__ = ["Kind", "TaskContext", "durable", "enqueue", "kind_of"]
