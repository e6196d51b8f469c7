"""Tasks, dead letters, circuits and the audit log in the console: each module registers its own pages."""

from . import audit as audit
from . import circuits as circuits
from . import tasks as tasks
