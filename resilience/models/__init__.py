from .audit import OperatorAction
from .circuits import Circuit, CircuitEvent
from .dead_letters import GroupChange
from .draining import FleetDrain
from .mail import Mail
from .policies import Pause, TaskPolicy
from .reapers import Reaper
from .tasks import Task, TaskRun

__all__ = ["Circuit", "CircuitEvent", "FleetDrain", "GroupChange", "Mail", "OperatorAction", "Pause", "Reaper", "Task", "TaskPolicy", "TaskRun"]
