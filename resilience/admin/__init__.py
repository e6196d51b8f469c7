"""Tasks, dead letters, policies, pauses, circuits, reapers and the audit log in the console: each module registers its own pages."""

from . import audit as audit
from . import circuits as circuits
from . import dead_letters as dead_letters
from . import mail as mail
from . import policies as policies
from . import reapers as reapers
from . import tasks as tasks
