"""Looking at ourselves: what the tables say, whether this process is ready to serve, and what people notice of it."""

from . import checks as checks
from . import strain as strain
from . import tables as tables
