from .audit import OperatorAction
from .circuits import Circuit, CircuitEvent
from .dead_letters import GroupChange
from .draining import FleetDrain
from .policies import Pause, TaskPolicy
from .reapers import Reaper
from .tasks import Task, TaskRun

__all__ = ["Circuit", "CircuitEvent", "FleetDrain", "GroupChange", "OperatorAction", "Pause", "Reaper", "Task", "TaskPolicy", "TaskRun"]
