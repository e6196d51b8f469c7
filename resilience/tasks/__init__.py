"""Durable tasks: rows that must be done, run at least once, finished exactly once."""

from . import errors as errors  # registers its catalogue entries
from .enqueue import enqueue
from .registry import Kind, TaskContext, durable, kind_of

__all__ = ["Kind", "TaskContext", "durable", "enqueue", "kind_of"]
