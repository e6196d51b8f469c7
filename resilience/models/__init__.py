from .audit import OperatorAction
from .circuits import Circuit, CircuitEvent
from .tasks import Task, TaskRun

__all__ = ["Circuit", "CircuitEvent", "OperatorAction", "Task", "TaskRun"]
