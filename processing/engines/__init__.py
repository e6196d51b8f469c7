"""Engines by name. Importing this registers the ones there are."""

from . import local
from .base import engine

__all__ = ["engine", "local"]
