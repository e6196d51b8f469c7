"""Counting what happens, right across all processes of a host. Declare a metric beside the code that moves it:

    from resilience.metrics import counter

    REJECTED = counter("holdfast_circuit_rejections_total", "Calls a circuit did not let through.", ["circuit"])
    REJECTED.labels(name).inc()

Labels are few and known: names, states, codes; never ids, paths or texts. On a hot path keep the child (`REJECTED.labels(name)`) instead of asking
for it each time: counting with it takes about a microsecond. It never raises, survives forks, kills and a full disk.
What stands in tables is not counted but read when somebody looks: `@collector` (collectors.py).
"""

from .declare import counter, gauge, histogram
from .exposition import current

__all__ = ["counter", "current", "gauge", "histogram"]
