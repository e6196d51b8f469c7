"""What the service refuses at CreateJob beyond its model: settings that need each other, exclude each other, or are outside a codec's ranges.

Sources, marked at each rule: [S] the model's documentation or the user guide says so, [O] an answer of the service that somebody published, [I] what
follows from them, or from the codec's own standard.
"""

from .job import check_job

__all__ = ["check_job"]
