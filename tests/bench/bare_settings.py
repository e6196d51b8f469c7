"""django-q2 as it is, over the same database: its ORM broker, nothing of ours between."""

from config.settings import *  # noqa: F403
from config.settings import Q_CLUSTER as _OURS

# As it was quickest when measured: results are not saved, messages are fetched one at a time into a long local queue.
Q_CLUSTER = {key: value for key, value in _OURS.items() if key not in ("broker_class", "max_rss")}
Q_CLUSTER |= {"poll": 0.2, "queue_limit": 50, "recycle": 100_000, "log_level": "WARNING"}
LOGGING_CONFIG = None
