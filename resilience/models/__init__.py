from .audit import OperatorAction
from .circuits import Circuit, CircuitEvent
from .reapers import Reaper
from .tasks import Task, TaskRun

__all__ = ["Circuit", "CircuitEvent", "OperatorAction", "Reaper", "Task", "TaskRun"]
