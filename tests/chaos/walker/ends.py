"""How a life that did not die at a point has ended: the exit codes of its process."""

LIVED, BROKEN, RAISED = 0, 3, 4
